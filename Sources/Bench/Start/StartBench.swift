import ControlProtocol
import LinuxSystem
public import Runtime
import SystemPackage

/// Starts containers on several sides in turn.
public final class StartBench {
    /// One side's figures.
    public struct Side {
        public var command = Measurements()
        public var firstInstruction = Measurements()
        public var firstByte = Measurements()
        /// Of the starts that `firstInstruction` is of.
        public var timings: [StartTimings] = []
        /// Whole commands at once, by how many they were.
        public var bursts: [(count: Int, command: Measurements)] = []
    }

    /// What a start is compared with.
    public enum Rival: String, CaseIterable, Sendable {
        case onePerVM = "one-per-vm"
        case runc
        case qemu
        /// With `ReadyBench` only.
        case runsc
    }

    /// A container to start as `czone run` with these arguments would: all that it does once its process is there.
    public typealias Plan = (_ arguments: [String]) throws -> (Placement.Order, Placement)

    private let directory: String
    private let rivals: [Rival]
    private let executable: String
    private let registry: Registry
    private let plan: Plan
    private let alone = ["--one-per-vm"]
    private static let image = "bench"

    private var places: [String] { ["--root", directory + "/root", "--store", directory + "/store"] }

    /// Imports the image, and boots the VM that our containers start in, or makes the rival's template.
    ///
    /// - `directory`: a bench's own; registry (`root`), store and root directory are made in it.
    /// - `executable`: `czone`.
    public init(directory: String, executable: String, rivals: [Rival], plan: @escaping Plan) throws {
        self.directory = directory
        self.executable = executable
        self.rivals = rivals
        self.plan = plan
        registry = try Registry(root: FilePath(directory + "/root"))
        try BusyboxRoot.makeDirectory(directory + "/rootfs")
        try czone(["image", "import"], ["--name", Self.image, "dir:\(directory)/rootfs"])
        // Without templates: what makes them in the background would run beside what is measured.
        try czone(
            ["run"], ["--detach", "--name", "resident", Self.image, "sleep", "100000"],
            environment: ["CZONE_TEMPLATES=off"])
        if rivals.contains(.runc) {
            try FileSystem.replace(directory + "/config.json", with: Array(RuncBundle.configuration.utf8))
        }
        if rivals.contains(.qemu) {
            try FileSystem.replace(directory + "/initrd", with: try BusyboxRoot.initialRAMDisk())
        }
        if rivals.contains(.onePerVM) {
            try czone(["template", "create"], alone + [Self.image])
            // The first use of anything is not what is measured.
            try czone(["run"], alone + ["--rm", Self.image, "true"])
            try rest()
        }
    }

    /// Ends what the bench has started.
    public func end() { _ = try? Stopwatch.milliseconds(of: executable, ["vm", "stop"] + places + ["--all"]) }

    private func czone(_ verb: [String], _ arguments: [String], environment: [String] = []) throws {
        _ = try Stopwatch.milliseconds(of: executable, verb + places + arguments, environment: environment)
    }

    public func measure(runs: Int, bursts: [Int]) throws -> Figures {
        var figures = Figures()
        if rivals.contains(.onePerVM) { figures.onePerVM = Side() }
        if rivals.contains(.runc) { figures.runc = Measurements() }
        if rivals.contains(.qemu) { figures.qemu = Measurements() }
        let kernel = try Artefacts().kernel().string
        for index in 0..<runs {
            try startOne([], &figures.czone)
            if var side = figures.onePerVM {
                try startOne(alone, &side)
                figures.onePerVM = side
            }
            if rivals.contains(.runc) {
                figures.runc?.add(
                    try Stopwatch.milliseconds(of: "runc", ["run", "-b", directory, "czone-bench-\(index)"]))
            }
            if rivals.contains(.qemu) {
                let arguments = QEMUMicroVM.arguments(
                    kernel: kernel, initialRAMDisk: directory + "/initrd", virtualCPUs: 1)
                figures.qemu?.add(
                    try Stopwatch.milliseconds(of: QEMUMicroVM.program, arguments, until: BusyboxRoot.greeting))
            }
        }
        for count in bursts {
            figures.czone.bursts.append((count, try burst([], count)))
            if figures.onePerVM != nil { figures.onePerVM?.bursts.append((count, try burst(alone, count))) }
        }
        return figures
    }

    private func startOne(_ options: [String], _ side: inout Side) throws {
        side.command.add(
            try Stopwatch.milliseconds(of: executable, ["run"] + places + options + ["--rm", Self.image, "true"]))
        try rest()
        let probe = try probe(options)
        side.firstInstruction.add(probe.firstInstruction)
        side.firstByte.add(probe.firstByte)
        side.timings.append(probe.timings)
        try rest()
    }

    private func burst(_ options: [String], _ count: Int) throws -> Measurements {
        let command = (executable, ["run"] + places + options + ["--rm", Self.image, "true"])
        let times = try Stopwatch.milliseconds(ofEach: Array(repeating: command, count: count))
        try rest()
        return Measurements(times)
    }

    private func probe(_ options: [String]) throws -> StartProbe {
        let requestedAt = MonotonicClock.nanoseconds
        let (order, placement) = try plan(options + ["--rm", Self.image, "/bin/busybox", "echo", "x"])
        return try StartProbe(order, by: placement, requestedAt: requestedAt)
    }

    /// Waits until the resident container is the only one: no VM and no zone is on its way.
    private func rest() throws {
        while true {
            let machines = try registry.virtualMachines()
            // One that is just ending cannot be asked any more.
            if machines.count == 1, (try? machines[0].describe(measured: false))?.containers.count == 1 { break }
            _ = try wait(for: [], timeoutInMilliseconds: 20)
        }
        try registry.cleanUp()
    }
}

extension StartBench {
    /// All sides' figures.
    public struct Figures {
        public var czone = Side()
        public var onePerVM: Side?
        public var runc: Measurements?
        public var qemu: Measurements?

        /// The stages of every start of ours.
        public var trace: ChromeTrace {
            var trace = ChromeTrace()
            for timings in czone.timings { trace.add(timings, to: "czone") }
            for timings in onePerVM?.timings ?? [] { trace.add(timings, to: "one per VM") }
            return trace
        }
    }
}
