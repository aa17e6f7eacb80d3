import Glibc
import LinuxSystem
import Runtime
import SystemPackage

/// Measures the network between pods and the host, and between two pods: as containers of one VM, and in plain network
/// namespaces without a VM, in turn. The programs on both sides are this executable (`TrafficServer`, `TrafficLoad`).
public final class NetworkBench {
    /// How much of each is done.
    public struct Amounts: Sendable {
        public var bytes: Int
        public var requests: Int
        public var connections: Int
        public var roundTrips: Int

        public init(bytes: Int, requests: Int, connections: Int, roundTrips: Int) {
            self.bytes = bytes
            self.requests = requests
            self.connections = connections
            self.roundTrips = roundTrips
        }
    }

    /// What was measured between two ends.
    public struct Path: Sendable {
        /// To the server, in MB/s.
        public var send = Measurements()
        /// From the server, in MB/s.
        public var receive = Measurements()
        /// HTTP requests of 1 KiB a second.
        public var requests = Measurements()
        /// One byte there and back, in milliseconds: the median of a run.
        public var roundTrip = Measurements()
        /// Processor time of the VM's process, its guest's included, for each GB sent and received, in seconds.
        public var sendCPU = Measurements()
        public var receiveCPU = Measurements()

        /// Nothing yet.
        public init() {}
    }

    /// Where servers and clients are.
    public enum Side: String, CaseIterable, Sendable { case machine, namespace }

    private let executable: String
    private let places: [String]
    private let registry: Registry
    private let amounts: Amounts
    private let bridge: PodBridge
    /// The pods of each side, by number.
    private var pods: [Side: [Int]] = [:]
    private var servers: [ChildProcess] = []
    private static let memory = "128M"
    private static let program = "/bin/czone"

    /// Starts the servers.
    ///
    /// - Parameters:
    ///   - directory: a bench's own; registry, store and root directory are made in it.
    ///   - executable: `czone`, which is the traffic's program too.
    ///   - containers: how many pods each side has, from 2 up.
    ///   - amounts: how much of each kind of traffic is measured.
    public init(directory: String, executable: String, containers: Int, amounts: Amounts) throws {
        self.executable = executable
        self.amounts = amounts
        places = ["--root", directory + "/root", "--store", directory + "/store"]
        registry = try Registry(root: FilePath(directory + "/root"))
        bridge = try PodBridge()
        do {
            try importImage(directory)
            for side in Side.allCases {
                pods[side] = try (0..<containers).map { _ in try startPod(side) }
            }
        } catch {
            end()
            throw error
        }
    }

    private func importImage(_ directory: String) throws {
        let root = directory + "/rootfs"
        try BusyboxRoot.makeDirectory(root)
        guard let program = try FileSystem.contents(of: executable, atMost: 256 << 20) else {
            throw Stopwatch.Failed(description: "there is no file \(executable), which is to run in the container")
        }
        try FileSystem.replace(root + Self.program, with: program, mode: 0o755)
        _ = try Stopwatch.milliseconds(
            of: executable, ["image", "import"] + places + ["--name", "bench", "dir:\(root)"])
    }

    private func startPod(_ side: Side) throws -> Int {
        let number = try bridge.addPod()
        switch side {
        case .machine:
            _ = try Stopwatch.milliseconds(
                of: executable,
                ["run"] + places + [
                    "--rm", "--detach", "--name", bridge.name(number), "--memory", Self.memory, "--network",
                    "ns:/run/netns/\(bridge.name(number))", "bench", Self.program, "bench", "serve-traffic",
                ])
            _ = try Stopwatch.milliseconds(
                of: executable, ["logs"] + places + ["--follow", bridge.name(number)],
                until: TrafficServer.listeningLine)
        case .namespace:
            let (output, server) = try Stopwatch.launchToRead(
                "ip", ["netns", "exec", bridge.name(number), executable, "bench", "serve-traffic"])
            servers.append(server)
            try Stopwatch.read(output, until: TrafficServer.listeningLine, of: executable)
        }
        return number
    }

    /// Ends what the bench has started.
    public func end() {
        for server in servers {
            sendSignal(SIGKILL, to: server.id)
            _ = try? server.waitForEnd()
        }
        _ = try? Stopwatch.milliseconds(of: executable, ["vm", "stop"] + places + ["--all"])
        bridge.remove()
    }

    /// The host to a side's first pod.
    public func measureHost(_ side: Side, into path: inout Path) throws {
        try measure([(nil, target(side, 0))], side, into: &path)
    }

    /// A side's second pod to its first.
    public func measurePods(_ side: Side, into path: inout Path) throws {
        try measure([(source(side, 1), target(side, 0))], side, into: &path)
    }

    /// The host to all pods of a side at once: bytes only, MB/s of all together.
    public func measureTogether(_ side: Side, into path: inout Path) throws {
        let all = pods[side, default: []].indices.map { (nil as [String]?, target(side, $0)) }
        try measureBytes(all, side, into: &path)
    }

    private func target(_ side: Side, _ index: Int) -> String { bridge.address(pods[side, default: []][index]) }

    /// What a program is run with in a pod.
    private func source(_ side: Side, _ index: Int) -> [String] {
        let name = bridge.name(pods[side, default: []][index])
        return switch side {
        case .machine: [executable, "exec"] + places + [name, Self.program]
        case .namespace: ["ip", "netns", "exec", name, executable]
        }
    }

    private func measure(_ ends: [([String]?, String)], _ side: Side, into path: inout Path) throws {
        try measureBytes(ends, side, into: &path)
        let requests = try load(
            ends, ["requests", "\(amounts.requests)", "--connections", "\(amounts.connections)"])
        path.requests.add(Double(amounts.requests) / requests[0] * 1000)
        path.roundTrip.add(try load(ends, ["round-trips", "\(amounts.roundTrips)"])[0])
    }

    private func measureBytes(_ ends: [([String]?, String)], _ side: Side, into path: inout Path) throws {
        let total = Double(amounts.bytes * ends.count)
        for (what, rate, cpu) in [("send", \Path.send, \Path.sendCPU), ("receive", \Path.receive, \Path.receiveCPU)] {
            let before = try processorSeconds()
            let times = try load(ends, [what, "\(amounts.bytes)"])
            path[keyPath: rate].add(total / 1e3 / (times.max() ?? 1))
            if side == .machine { path[keyPath: cpu].add((try processorSeconds() - before) / total * 1e9) }
        }
    }

    /// Runs a load from each end at once; the milliseconds that each reports.
    private func load(_ ends: [([String]?, String)], _ words: [String]) throws -> [Double] {
        let running = try ends.map { source, target in
            let command = (source ?? [executable]) + ["bench", "load-traffic", target] + words
            return try Stopwatch.launchToRead(command[0], Array(command.dropFirst()))
        }
        return try running.map { output, child in
            let text = String(decoding: try output.readToEnd(atMost: 1 << 10), as: UTF8.self)
            guard try child.waitForEnd() == 0, let time = Double(text.filter { !$0.isWhitespace }) else {
                throw Stopwatch.Failed(
                    description: "a client of \(words) printed \"\(text)\": expected milliseconds")
            }
            return time
        }
    }

    /// Of all VMs' processes, in user and kernel mode and as guests.
    private func processorSeconds() throws -> Double {
        var ticks = 0
        for machine in try registry.virtualMachines() {
            guard let process = try machine.processID(),
                let bytes = try FileSystem.contents(of: "/proc/\(process)/stat", atMost: 4096)
            else { continue }
            // Behind the name in brackets: state is field 3, user and system time are 14 and 15 (proc_pid_stat(5)).
            let fields = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
            ticks += fields.dropFirst(11).prefix(2).reduce(0) { $0 + (Int($1) ?? 0) }
        }
        return Double(ticks) / Double(sysconf(CInt(_SC_CLK_TCK)))
    }
}
