import ArgumentParser
import Bench
import LinuxSystem

struct BenchRestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "How long a VM takes until its agent answers: booted, and restored from a template.",
        discussion: """
            From the start of the VM's process to the agent's first message, as `czone vm list --json` reports (boot_ms). The \
            sides take turns; a VM that has ended is waited for before the next start.
            """)

    @Option(help: "How often each side starts a VM.")
    var runs = 10

    @Flag(help: "As JSON.")
    var json = false

    func validate() throws {
        guard (1...1000).contains(runs) else { throw ValidationError("--runs \(runs): expected 1 to 1000") }
    }

    func run() throws {
        try withBenchDirectory { directory in
            let bench = try RestoreBench(directory: directory, executable: CurrentProcess.executablePath)
            defer { bench.end() }
            report(try bench.measure(runs: runs))
        }
    }

    private func report(_ sides: (boot: Measurements, restore: Measurements)) {
        let ratio = sides.restore.median / sides.boot.median
        guard json else {
            printOutput(
                "until the agent answers, median of \(runs) runs each\nboot \(milliseconds(sides.boot.median)) ms, "
                    + "from a template \(milliseconds(sides.restore.median)) ms, ratio \(milliseconds(ratio))")
            return
        }
        print(
            Figure.object([
                ("boot_ms", sides.boot.figure), ("restore_ms", sides.restore.figure), ("ratio", .number(ratio)),
            ]))
    }
}
