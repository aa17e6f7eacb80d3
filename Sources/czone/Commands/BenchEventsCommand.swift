import ArgumentParser
import Bench
import LinuxSystem
import Runtime

struct BenchEventsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "What a day's calls of functions cost: in zones, or each container in a VM of its own.",
        discussion: """
            Replays a trace in the layout of the Azure Functions dataset of 2019, or one made with its published shape, \
            against a gateway, the one side after the other. Time is compressed: calls, their durations and the \
            autoscaler's windows by --speed; starts take as long as they take. memory_time: host memory of all VMs times \
            seconds (proportional set sizes, at each second). wait: what callers waited beyond their function's time.
            """)

    @Option(help: "The dataset's file of invocations; by default a trace is made.", completion: .file())
    var trace: String?
    @Option(help: "How many functions.")
    var functions = 12
    @Option(help: "How many minutes of the trace.")
    var minutes = 60
    @Option(help: "How many times faster.")
    var speed = 30.0
    @Option(help: "What a trace that is made begins with: the same number makes the same trace.")
    var seed: UInt64 = 1
    @Option(help: "Gets the trace that was made, in the dataset's layout.", completion: .file())
    var saveTrace: String?
    @Option(help: "Gets the curves of memory as SVG.", completion: .file())
    var svg: String?
    @Flag(help: "Compare with a VM of its own for each container.")
    var onePerVM = false
    @Flag(help: "As JSON.")
    var json = false
    @Argument(help: "An image with Python, as for `czone run`.")
    var image: String

    func validate() throws {
        guard (1...1000).contains(functions), (1...1440).contains(minutes), (1...3600).contains(speed) else {
            throw ValidationError("expected 1 to 1000 functions, 1 to 1440 minutes, a speed of 1 to 3600")
        }
    }

    func run() throws {
        try withBenchDirectory { directory in
            let trace =
                try trace.map { try EventTrace(invocations: $0, functions: functions, minutes: minutes) }
                ?? EventTrace(functions: functions, minutes: minutes, seed: seed)
            if let saveTrace { try FileSystem.replace(saveTrace, with: Array(trace.csv.utf8), mode: 0o644) }
            let bench = EventsBench(trace, speed: speed)
            func measure(_ name: String, _ isolation: String) throws -> EventsBench.Result {
                try bench.measure(
                    executable: CurrentProcess.executablePath, image: image, isolation: isolation,
                    directory: "\(directory)/\(name)")
            }
            var sides = [(name: "zones", result: try measure("zones", "zones"))]
            if onePerVM { sides.append((name: "one per VM", result: try measure("alone", "vm"))) }
            if let svg {
                let text = EventsChart.svg(sides.map { (name: $0.name, memory: $0.result.memory) })
                try FileSystem.replace(svg, with: Array(text.utf8), mode: 0o644)
            }
            json ? print(figures(trace, sides)) : printOutput(Self.table(sides))
        }
    }

    private func figures(_ trace: EventTrace, _ sides: [(name: String, result: EventsBench.Result)]) -> Figure {
        func side(_ result: EventsBench.Result) -> Figure {
            .object([
                ("memory_byte_seconds", .number(result.memoryTime)),
                ("cold_starts", .number(Double(result.coldStarts))),
                ("failures", .number(Double(result.failures))), ("wait_median_ms", .number(result.wait(0.5))),
                ("wait_p99_ms", .number(result.wait(0.99))), ("memory_bytes", .list(result.memory.map { Double($0) })),
            ])
        }
        var members: [(String, Figure)] = [
            ("calls", .number(Double(trace.calls))), ("functions", .number(Double(trace.functions.count))),
            ("minutes", .number(Double(trace.minutes))), ("speed", .number(speed)), ("zones", side(sides[0].result)),
        ]
        if sides.count > 1 {
            let reduction = 100 * (1 - sides[0].result.memoryTime / sides[1].result.memoryTime)
            members += [("one_per_vm", side(sides[1].result)), ("memory_time_reduction_percent", .number(reduction))]
        }
        return .object(members)
    }

    private static func table(_ sides: [(name: String, result: EventsBench.Result)]) -> String {
        var table = Table(
            ["", "MEMORY × TIME", "COLD STARTS", "FAILURES", "WAIT MEDIAN", "WAIT P99"], rightAligned: [1, 2, 3, 4, 5])
        for (name, result) in sides {
            table.add([
                name, "\(ByteSize(bytes: UInt64(result.memoryTime))) s", "\(result.coldStarts)", "\(result.failures)",
                "\(milliseconds(result.wait(0.5))) ms", "\(milliseconds(result.wait(0.99))) ms",
            ])
        }
        guard sides.count > 1, sides[1].result.memoryTime > 0 else { return table.text }
        let reduction = 100 * (1 - sides[0].result.memoryTime / sides[1].result.memoryTime)
        return table.text + "\n\(milliseconds(reduction)) % less memory × time in zones"
    }
}
