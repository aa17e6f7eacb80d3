import ArgumentParser
import Bench
import LinuxSystem
import Runtime

struct BenchStartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract:
            "How long a container takes to start: in a running VM, in a VM of its own from a template, with runc.",
        discussion: """
            p50_ms and p99_ms are of whole commands, `czone run --rm IMAGE true` and `runc run` of the same root file \
            system, from the process's start to its end. first_instruction and first_byte are of a client that is there \
            already, as a shim is: from its request until the container's program runs, and until it has printed. \
            The sides take turns; a VM or zone that is on its way out is waited for before the next start. bursts: as \
            many whole commands at once.
            """)

    @Option(
        help: """
            What it is compared with, with commas: one-per-vm, runc, qemu (its microvm with our kernel, from the \
            process's start to the first byte of /init).
            """)
    var vs = Rivals<StartBench.Rival>([.runc])

    @Option(help: "How often each side starts a container.")
    var runs = 20

    @Option(parsing: .upToNextOption, help: "How many are started at once, after those one by one.")
    var bursts: [Int] = []

    @Option(
        help: """
            ready: instead, up to the first HTTP 200 of a Python function: started plainly, and as a copy of its process \
            template, also the first copy in a restored VM that was prewarmed. Compared with runc and runsc only.
            """)
    var until: End?

    @Option(help: "A file that gets the stages of our starts, for trace viewers.", completion: .file())
    var trace: String?

    @Flag(help: "As JSON.")
    var json = false

    @Argument(help: "With --until ready: a directory with Python, as Setup/python-root makes it.")
    var root = "build/python"

    /// Where a start ends.
    enum End: String, ExpressibleByArgument, CaseIterable {
        case ready
    }

    func validate() throws {
        if until == .ready, let other = vs.rivals.first(where: { ReadyBench.Rival(rawValue: $0.rawValue) == nil }) {
            throw ValidationError("--until ready is compared with runc and runsc, not with \(other.rawValue)")
        }
        guard until == nil || trace == nil else {
            throw ValidationError("--trace: not with --until ready, whose starts are not divided into stages")
        }
        if until == nil, vs.contains(.runsc) { throw ValidationError("runsc is compared with --until ready only") }
        guard (1...10_000).contains(runs) else { throw ValidationError("--runs \(runs): expected 1 to 10000") }
        for burst in bursts where !(1...64).contains(burst) {
            throw ValidationError("--bursts \(burst): expected 1 to 64 containers at once")
        }
    }

    func run() throws {
        if until == .ready { return try measureReadiness() }
        try withBenchDirectory { directory in
            let bench = try StartBench(
                directory: directory, executable: CurrentProcess.executablePath, rivals: vs.rivals
            ) { try Self.plan($0, directory) }
            defer { bench.end() }
            let figures = try bench.measure(runs: runs, bursts: bursts)
            if let trace { try FileSystem.replace(trace, with: figures.trace.bytes) }
            if json { print(figures.json) } else { printOutput(figures.table) }
        }
    }

    private func measureReadiness() throws {
        try withBenchDirectory { directory in
            let bench = try ReadyBench(
                directory: directory, executable: CurrentProcess.executablePath, root: root,
                rivals: vs.rivals.compactMap { ReadyBench.Rival(rawValue: $0.rawValue) })
            defer { bench.end() }
            var figures = try bench.measure(runs: runs)
            try measureFirstCopies(directory, &figures)
            if json { print(figures.json) } else { printOutput(figures.table) }
        }
    }

    private func measureFirstCopies(_ directory: String, _ figures: inout ReadyBench.Figures) throws {
        let bench = try FirstCopyBench(directory: directory, executable: CurrentProcess.executablePath, root: root)
        defer { bench.end() }
        let (first, further) = try bench.measure(runs: runs)
        (figures.first, figures.further) = (first, further)
    }

    /// As `czone run` with these arguments would start it.
    private static func plan(_ words: [String], _ directory: String) throws -> (Placement.Order, Placement) {
        guard let arguments = RunArguments(words) else {
            throw RuntimeError.invalid("there is no option \(words)")
        }
        let store = try GlobalOptions.images(directory + "/store")
        let configuration = try Configuration.load()
        let files = try VirtualMachineFiles(Artefacts())
        let image = try ImageImport.resolve(arguments.options.image, in: store)
        let registry = try GlobalOptions.registry(directory + "/root")
        let plan = try RunPlan(
            arguments.options, image: image, configuration: configuration, files: files, registry: registry)
        let order = Placement.Order(plan, streams: .none, store: store)
        return (order, Placement(registry: registry, configuration: configuration, files: files))
    }
}
