import ArgumentParser
import Bench
import Glibc
import LinuxSystem
import Runtime

struct BenchSlowdownCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "slowdown",
        abstract: "How much longer work takes in a zone than in the plain memory of a VM of its own.",
        discussion: """
            The same container runs in a zone and with --one-per-vm, in turn, both from templates. It prints a line for \
            each of its workloads, the name and milliseconds, and ends. slowdown: the geometric mean of the workloads' \
            ratios of medians, less one, in percent.
            """)

    @Option(help: "How often it runs on each side.")
    var runs = 7

    @Option(help: "The container's memory.")
    var memory = ByteSize(bytes: 384 << 20)

    @Flag(help: "As JSON.")
    var json = false

    @Argument(help: "An image, as for `czone run`.")
    var image: String

    @Argument(parsing: .captureForPassthrough, help: "What runs in it.")
    var command: [String]

    func validate() throws {
        guard (1...100).contains(runs) else { throw ValidationError("--runs \(runs): expected 1 to 100") }
    }

    func run() throws {
        try withBenchDirectory { directory in
            let bench = try SlowdownBench(
                directory: directory, executable: CurrentProcess.executablePath, image: image, memory: memory.bytes,
                command: command)
            defer { bench.end() }
            let workloads = try bench.measure(runs: runs)
            json ? print(Self.figures(workloads)) : printOutput(Self.table(workloads))
        }
    }

    private static func slowdownPercent(_ workloads: [SlowdownBench.Workload]) -> Double {
        guard !workloads.isEmpty else { return 0 }
        return 100 * (exp(workloads.reduce(0) { $0 + log($1.ratio) } / Double(workloads.count)) - 1)
    }

    private static func figures(_ workloads: [SlowdownBench.Workload]) -> Figure {
        let each = workloads.map { workload in
            (
                workload.name,
                Figure.object([
                    ("ratio", .number(workload.ratio)), ("zone", workload.zone.figure),
                    ("plain", workload.plain.figure),
                ])
            )
        }
        return .object([("slowdown_percent", .number(slowdownPercent(workloads))), ("workloads", .object(each))])
    }

    private static func table(_ workloads: [SlowdownBench.Workload]) -> String {
        var table = Table(["", "IN A ZONE", "PLAIN", "RATIO"], rightAligned: [1, 2, 3])
        for workload in workloads {
            table.add([
                workload.name, "\(milliseconds(workload.zone.median))", "\(milliseconds(workload.plain.median))",
                "\(milliseconds(workload.ratio))",
            ])
        }
        return table.text + "\n\(milliseconds(slowdownPercent(workloads))) % longer in a zone"
    }
}
