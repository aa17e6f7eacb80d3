import ControlProtocol
import LinuxSystem
import Runtime
import SystemPackage

/// Starts a function's first container in a restored, prewarmed VM and then a further one, each up to its first HTTP 200.
/// Both are copies of the process template that the VM was saved with.
public final class FirstCopyBench {
    private static let image = "bench"
    private let executable: String
    private let registry: Registry
    private let places: [String]
    /// How long a VM may take to be prewarmed, or a zone to come back, in milliseconds.
    private static let patience: UInt64 = 120_000

    /// Imports the image and makes the template of its VMs, with the process template.
    ///
    /// - Parameters:
    ///   - directory: a bench's own; registry (`first-root`) and store (`first-store`) are made in it.
    ///   - executable: `czone`.
    ///   - root: a directory with Python, the image's root.
    public init(directory: String, executable: String, root: String) throws {
        self.executable = executable
        registry = try Registry(root: FilePath(directory + "/first-root"))
        places = ["--root", directory + "/first-root", "--store", directory + "/first-store"]
        try czone(["image", "import"], ["--name", Self.image, "dir:" + root])
        try czone(["template", "create"], ["--warm-start", Self.image] + ReadyBench.command(isStopped: true))
    }

    /// Milliseconds from each command's start to its first HTTP 200.
    public func measure(runs: Int) throws -> (first: Measurements, further: Measurements) {
        var (first, further) = (Measurements(), Measurements())
        for _ in 0..<runs {
            try czone(["vm", "stop"], ["--all"])
            // Behind this one another VM is prewarmed, in which nothing has run.
            _ = try start()
            try waitForPrewarmed()
            for used in try registry.virtualMachines() where try !used.isPrewarmed() {
                try czone(["vm", "stop"], [used.id])
            }
            first.add(try start())
            // The one that was used is replaced: not beside what is measured, nor behind the bench's end.
            try waitForPrewarmed()
            further.add(try start())
        }
        return (first, further)
    }

    /// Ends what the bench has started.
    public func end() { try? czone(["vm", "stop"], ["--all"]) }

    private func czone(_ verb: [String], _ arguments: [String]) throws {
        _ = try Stopwatch.milliseconds(of: executable, verb + places + arguments)
    }

    private func start() throws -> Double {
        let options = ["--rm", "--warm-start", Self.image]
        let arguments = ["run"] + places + options + ReadyBench.command(isStopped: true)
        return try Stopwatch.milliseconds(
            of: "/usr/bin/env", ["CZONE_PREWARM=1", executable] + arguments, toItsWord: ReadyBench.status)
    }

    /// Waits until a VM is prewarmed, no container is there, and no zone on its way.
    private func waitForPrewarmed() throws {
        let end = MonotonicClock.nanoseconds + Self.patience * 1_000_000
        while true {
            let machines = try registry.virtualMachines()
            if try machines.contains(where: { try $0.isPrewarmed() }), machines.allSatisfy(isAtRest) { return }
            guard MonotonicClock.nanoseconds < end else {
                let problem = "no VM was prewarmed, with all zones back, within \(Self.patience / 1000) s"
                throw Stopwatch.Failed(description: problem)
            }
            _ = try wait(for: [], timeoutInMilliseconds: 20)
        }
    }

    private func isAtRest(_ machine: VirtualMachineDirectory) -> Bool {
        guard let description = try? machine.describe(measured: false) else { return false }
        return description.state == .ready && description.containers.isEmpty
            && description.zones.allSatisfy { $0.state == .absent }
    }
}
