import ArgumentParser
import Bench
import LinuxSystem
import Runtime
import SystemPackage

struct BenchZonesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "zones",
        abstract: "How long zones take to come and to go, and how long QEMU takes to get as much memory back.",
        discussion: """
            Ours: a detached container touches 85 % of its memory and is killed. plug_ms: from the request until the zone is \
            plugged and online. unplug_ms: from the container's end until the memory is the host's again. QEMU's, on KVM \
            with the same kernel: two processes touch 85 % of as much memory each, 1 MiB in turn; one ends; then a \
            virtio-mem device that both share shrinks by the size, or a balloon takes it. Medians.
            """)

    enum Rival: String, ExpressibleByArgument { case qemu }

    @Option(help: "What it is compared with: qemu.")
    var vs: Rival?

    @Option(help: "How often each is measured.")
    var runs = 5

    @Option(parsing: .upToNextOption, help: "The sizes in MiB, multiples of 128.")
    var sizes = [128, 256, 512]

    @Flag(help: "As JSON.")
    var json = false

    func validate() throws {
        for size in sizes where size < 128 || size > 1024 || size % 128 != 0 {
            throw ValidationError("--sizes \(size) is no zone's: expected multiples of 128 up to 1024")
        }
    }

    /// What was measured for one size.
    struct Result {
        var size: Int
        var zones: [ZoneBench.Run]
        var shared: Measurements?
        var balloon: Measurements?

        var plug: Measurements { Measurements(zones.map(\.plug)) }
        var unplug: Measurements { Measurements(zones.map(\.unplug)) }
    }

    func run() throws {
        try withBenchDirectory { directory in
            // Before anything is started: what is missing shall be said at once.
            let kernel = try vs.map { _ in try Artefacts().kernelWithPCI().string }
            var results = try measureOurs(directory)
            if let kernel { try measureQEMU(directory, kernel, &results) }
            report(results)
        }
    }

    private func measureOurs(_ directory: String) throws -> [Result] {
        let bench = try ZoneBench(directory: directory, executable: CurrentProcess.executablePath)
        defer { bench.end() }
        return try sizes.map { size in
            let bytes = UInt64(size) << 20
            return Result(
                size: size, zones: try bench.measure(sizeInBytes: bytes, touched: touched(bytes), runs: max(1, runs)))
        }
    }

    private func measureQEMU(_ directory: String, _ kernel: String, _ results: inout [Result]) throws {
        let bench = try NeighbourBench(
            directory: directory, executable: CurrentProcess.executablePath, kernel: kernel,
            virtualCPUs: Configuration().virtualCPUs)
        for index in results.indices {
            let bytes = UInt64(results[index].size) << 20
            results[index].shared = try bench.sharedDevice(
                sizeInBytes: bytes, touched: touched(bytes), runs: max(1, runs))
            results[index].balloon = try bench.balloon(sizeInBytes: bytes, touched: touched(bytes), runs: max(1, runs))
        }
    }

    /// 85 % in whole MiB.
    private func touched(_ bytes: UInt64) -> Int { (Int(bytes >> 20) * 85 / 100) << 20 }

    private func report(_ results: [Result]) {
        guard json else { return printOutput(Self.table(results)) }
        var members: [(String, Figure)] = [("zones", .array(results.map(Self.figures)))]
        for (name, side) in [("qemu_shared", \Result.shared), ("qemu_balloon", \Result.balloon)] {
            let measured = results.compactMap { result in
                result[keyPath: side].map { side in
                    Figure.object([
                        ("size_mib", .number(Double(result.size))), ("unplug_ms", .number(side.median)),
                        ("unplug_ms_runs", .list(side.runs)),
                    ])
                }
            }
            if !measured.isEmpty { members.append((name, .array(measured))) }
        }
        for result in results {
            guard let shared = result.shared else { continue }
            members.append(("unplug_ratio_\(result.size)", .number(result.unplug.median / shared.median)))
        }
        print(Figure.object(members))
    }

    private static func figures(_ result: Result) -> Figure {
        .object([
            ("size_mib", .number(Double(result.size))), ("plug_ms", .number(result.plug.median)),
            ("unplug_ms", .number(result.unplug.median)),
            ("offline_ms", .number(Measurements(result.zones.map(\.offline)).median)),
            ("pages_migrated", .number(Double(result.zones.reduce(0) { $0 + $1.pagesMigrated }))),
            ("plug_ms_runs", .list(result.plug.runs)), ("unplug_ms_runs", .list(result.unplug.runs)),
            ("steps_ms", .array(result.zones.map { steps(of: $0) })),
        ])
    }

    /// By name in their order; a step that was taken several times, once for each block, has several numbers.
    private static func steps(of run: ZoneBench.Run) -> Figure {
        var names: [String] = []
        for step in run.steps where !names.contains(step.name) { names.append(step.name) }
        return .object(names.map { name in (name, .list(run.steps.filter { $0.name == name }.map(\.milliseconds))) })
    }

    static func table(_ results: [Result]) -> String {
        var table = Table(
            ["MiB", "PLUG", "UNPLUG", "QEMU SHARED", "QEMU BALLOON", "RATIO"], rightAligned: [0, 1, 2, 3, 4, 5])
        for result in results {
            table.add([
                "\(result.size)", "\(milliseconds(result.plug.median))", "\(milliseconds(result.unplug.median))",
                result.shared.map { "\(milliseconds($0.median))" } ?? "",
                result.balloon.map { "\(milliseconds($0.median))" } ?? "",
                result.shared.map { "\(milliseconds(result.unplug.median / $0.median))" } ?? "",
            ])
        }
        return "milliseconds, medians of \(results.first?.zones.count ?? 0); the ratio is ours to the shared device's\n"
            + table.text
    }
}

/// What the benches run in containers and guests; see `MemoryHolder`.
struct HoldMemoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold-memory", abstract: "Holds memory until it is killed, or its turns end.", shouldDisplay: false
    )

    @Flag(help: "1 MiB for each byte that comes in.")
    var inTurns = false
    @Argument(help: "How many bytes.")
    var bytes: Int

    func run() throws {
        try reportingFailures { try inTurns ? MemoryHolder.holdInTurns(bytes) : MemoryHolder.hold(bytes) }
    }
}

/// The /init of a guest that is compared with; see `MemoryNeighbours`.
struct MemoryNeighboursCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memory-neighbours", abstract: "Runs as all that a guest does.", shouldDisplay: false)

    @Argument(help: "How many bytes each holds.")
    var bytesEach: Int

    func run() throws {
        try reportingFailures {
            var neighbours = MemoryNeighbours(bytesEach: bytesEach)
            try neighbours.run()
        }
    }
}
