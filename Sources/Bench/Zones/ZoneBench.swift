import AgentProtocol
import ControlProtocol
import Glibc
import LinuxSystem
import Runtime
import SystemPackage

/// Times the coming and going of zones: each a container's that touches most of its memory and is killed. The times are
/// the VM's, by the host's clock.
public struct ZoneBench {
    /// One zone's way.
    public struct Run: Sendable {
        /// Until the device says that the zone is plugged and the agent that it is online.
        public var plug: Double
        /// From the container's end until the zone is unplugged and its memory the host's.
        public var unplug: Double
        /// Of that, until the agent says that the zone is offline.
        public var offline: Double
        public var pagesMigrated: UInt64
        /// The agent's steps, in milliseconds.
        public var steps: [(name: String, milliseconds: Double)]
    }

    private static let maxNanoseconds: UInt64 = 60_000_000_000

    private let executable: String
    private let places: [String]
    private let registry: Registry

    /// `directory`: a bench's own; registry, store and root directory are made in it.
    public init(directory: String, executable: String) throws {
        self.executable = executable
        places = ["--root", directory + "/root", "--store", directory + "/store"]
        registry = try Registry(root: FilePath(directory + "/root"))
        let root = directory + "/rootfs"
        try BusyboxRoot.makeDirectory(root)
        guard let program = try FileSystem.contents(of: executable, atMost: 256 << 20) else {
            throw Stopwatch.Failed(description: "there is no file \(executable), which is to run in the container")
        }
        try FileSystem.replace(root + "/bin/czone", with: program, mode: 0o755)
        _ = try Stopwatch.milliseconds(
            of: executable, ["image", "import"] + places + ["--name", "bench", "dir:\(root)"])
    }

    /// Ends what the bench has started.
    public func end() { _ = try? Stopwatch.milliseconds(of: executable, ["vm", "stop"] + places + ["--all"]) }

    /// So many containers in zones of a size, one after the other, in one VM.
    public func measure(sizeInBytes: UInt64, touched: Int, runs: Int) throws -> [Run] {
        // The first boots the VM.
        _ = try run(sizeInBytes: sizeInBytes, touched: touched)
        return try (0..<runs).map { _ in try run(sizeInBytes: sizeInBytes, touched: touched) }
    }

    private func run(sizeInBytes: UInt64, touched: Int) throws -> Run {
        let name = "holder"
        _ = try Stopwatch.milliseconds(
            of: executable,
            ["run"] + places + [
                "--rm", "--detach", "--name", name, "--memory", "\(sizeInBytes)", "bench", "/bin/czone", "bench",
                "hold-memory", "\(touched)",
            ],
            // What makes templates in the background would run beside what is measured.
            environment: ["CZONE_TEMPLATES=off"])
        _ = try Stopwatch.milliseconds(
            of: executable, ["logs"] + places + ["--follow", name], until: MemoryHolder.heldLine)
        let machine = try machine(ofZones: sizeInBytes)
        let before = try times(of: machine)
        guard let container = try machine.describe(measured: false).containers.first else {
            throw Stopwatch.Failed(description: "the bench's container has ended by itself")
        }
        // No client waits for it: its own end would take the processors that the zone's needs.
        _ = try machine.ask(
            .signal(
                container: container.id, process: ProcessNumber.initial.rawValue, signal: UInt32(SIGKILL), all: false))
        let killedAt = MonotonicClock.nanoseconds
        while MonotonicClock.nanoseconds - killedAt < Self.maxNanoseconds {
            // The times are the VM's own: how soon they are read does not matter, but asking takes its time.
            _ = try wait(for: [], timeoutInMilliseconds: 100)
            let after = try times(of: machine)
            if let zone = after.first(where: { $0.node == container.node }),
                zone.returns > (before.first { $0.node == container.node }?.returns ?? 0)
            {
                return Run(zone)
            }
        }
        throw Stopwatch.Failed(description: "the zone \(container.node) has not come back within a minute")
    }

    private func machine(ofZones sizeInBytes: UInt64) throws -> VirtualMachineDirectory {
        for machine in try registry.virtualMachines() where try machine.record()?.zoneSizeInBytes == sizeInBytes {
            return machine
        }
        throw Stopwatch.Failed(description: "no VM has zones of \(ByteSize(bytes: sizeInBytes))")
    }

    private func times(of machine: VirtualMachineDirectory) throws -> [ZoneTimes] {
        guard case .zoneTimes(let times) = try machine.ask(.zoneTimes) else {
            throw Stopwatch.Failed(description: "the VM \(machine.id) did not report its zones' times")
        }
        return times
    }
}

extension ZoneBench.Run {
    fileprivate init(_ times: ZoneTimes) {
        plug = Double(max(times.plugged, times.online)) / 1000
        unplug = Double(times.returned) / 1000
        offline = Double(times.offline) / 1000
        pagesMigrated = times.pagesMigrated
        steps = times.steps.map { ("\($0.step)", Double($0.microseconds) / 1000) }
    }
}
