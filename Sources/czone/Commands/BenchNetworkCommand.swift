import ArgumentParser
import Bench
import LinuxSystem
import Runtime

struct BenchNetworkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "network",
        abstract: "How fast pods' networks are: containers of one VM, beside plain network namespaces.",
        discussion: """
            Pods on a bridge, each a namespace with a veth pair: of one kind each is led into one VM, of the other a plain \
            process serves in it. From the host to a pod, and from a pod to another of its kind, over TCP: bytes each way \
            (MB/s), HTTP requests of 1 KiB over several connections, one byte there and back. cpu_seconds_per_gb is the VM's \
            process with its guest. The kinds take turns; medians. Needs ip(8).
            """)

    @Option(help: "How often each is measured.")
    var runs = 3

    @Option(help: "How many pods of each kind: with more than 2 also all of them at once.")
    var containers = 2

    @Option(help: "How much is sent and received.")
    var bytes = ByteSize(bytes: 64 << 20)

    @Option(help: "How many HTTP requests.")
    var requests = 2000

    @Option(help: "Over how many connections they are made.")
    var connections = 32

    @Option(help: "How often a byte goes there and back.")
    var roundTrips = 300

    @Flag(help: "As JSON.")
    var json = false

    func validate() throws {
        for (name, value, range) in [
            ("--runs", runs, 1...100), ("--containers", containers, 2...64), ("--requests", requests, 1...10_000_000),
            ("--connections", connections, 1...1000), ("--round-trips", roundTrips, 1...1_000_000),
        ] where !range.contains(value) {
            throw ValidationError("\(name) \(value): expected \(range.lowerBound) to \(range.upperBound)")
        }
        guard (1 << 20...1 << 40).contains(bytes.bytes) else {
            throw ValidationError("--bytes \(bytes): expected 1M to 1T")
        }
    }

    /// What was measured of one side.
    struct Paths {
        var host = NetworkBench.Path()
        var pods = NetworkBench.Path()
        var together = NetworkBench.Path()
    }

    func run() throws {
        try withBenchDirectory { directory in
            let bench = try NetworkBench(
                directory: directory, executable: CurrentProcess.executablePath, containers: containers,
                amounts: NetworkBench.Amounts(
                    bytes: Int(bytes.bytes), requests: requests, connections: connections, roundTrips: roundTrips))
            defer { bench.end() }
            var machine = Paths()
            var namespace = Paths()
            for _ in 0..<runs {
                try measure(bench, .machine, into: &machine)
                try measure(bench, .namespace, into: &namespace)
            }
            json ? print(figures(machine, namespace)) : printOutput(table(machine, namespace))
        }
    }

    private func measure(_ bench: NetworkBench, _ side: NetworkBench.Side, into paths: inout Paths) throws {
        try bench.measureHost(side, into: &paths.host)
        try bench.measurePods(side, into: &paths.pods)
        if containers > 2 { try bench.measureTogether(side, into: &paths.together) }
    }

    private static var values: [(name: String, path: KeyPath<NetworkBench.Path, Measurements>)] {
        [
            ("send_mb_per_s", \.send), ("receive_mb_per_s", \.receive), ("requests_per_s", \.requests),
            ("round_trip_ms", \.roundTrip), ("send_cpu_seconds_per_gb", \.sendCPU),
            ("receive_cpu_seconds_per_gb", \.receiveCPU),
        ]
    }

    private func figures(_ machine: Paths, _ namespace: Paths) -> Figure {
        func figures(_ paths: Paths) -> Figure {
            .object(
                [("host_to_pod", paths.host), ("pod_to_pod", paths.pods), ("together", paths.together)].map {
                    name, path in
                    let measured = Self.values.filter { !path[keyPath: $0.path].runs.isEmpty }
                    return (name, .object(measured.map { ($0.name, path[keyPath: $0.path].figure) }))
                })
        }
        return .object([("vm", figures(machine)), ("namespace", figures(namespace))])
    }

    private func table(_ machine: Paths, _ namespace: Paths) -> String {
        var table = Table(["", "", "VM", "NAMESPACE", "RATIO"], rightAligned: [2, 3, 4])
        for (name, path) in [("host to pod", \Paths.host), ("pod to pod", \Paths.pods), ("all", \Paths.together)] {
            for value in Self.values {
                let ours = machine[keyPath: path][keyPath: value.path]
                let plain = namespace[keyPath: path][keyPath: value.path]
                guard !ours.runs.isEmpty else { continue }
                table.add([
                    name, value.name, "\(milliseconds(ours.median))",
                    plain.runs.isEmpty ? "" : "\(milliseconds(plain.median))",
                    plain.runs.isEmpty ? "" : "\(milliseconds(ours.median / plain.median))",
                ])
            }
        }
        return table.text
    }
}

/// What the bench runs in pods; see `TrafficServer`.
struct ServeTrafficCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve-traffic", abstract: "Serves the network bench until it is killed.", shouldDisplay: false)

    func run() throws { try reportingFailures { try TrafficServer().run() } }
}

/// What the bench runs against them; see `TrafficLoad`. Prints milliseconds.
struct LoadTrafficCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load-traffic", abstract: "Asks a server of the network bench.", shouldDisplay: false)

    enum Kind: String, ExpressibleByArgument {
        case send, receive, requests
        case roundTrips = "round-trips"
    }

    @Argument(help: "The server's address.")
    var host: String
    @Argument(help: "What is asked.")
    var kind: Kind
    @Argument(help: "How much, or how often.")
    var amount: Int
    @Option(help: "Over how many connections.")
    var connections = 32

    func run() throws {
        try reportingFailures {
            let load = TrafficLoad(to: host)
            let time =
                switch kind {
                case .send: try load.send(bytes: amount)
                case .receive: try load.receive(bytes: amount)
                case .requests: try load.requests(amount, connections: connections)
                case .roundTrips: try load.roundTrips(amount)
                }
            print(milliseconds(time))
        }
    }
}
