import ArgumentParser
import ControlProtocol
import LinuxSystem
import Runtime
import SystemPackage

struct BenchRestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "How long a VM takes until its agent answers: booted, and going on from a template.",
        discussion: """
            From the start of the VM's process to the agent's first word, as `czone vm list --json` tells (boot_ms). The \
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
        try withBenchFolder { folder in
            let bench = try RestoreBench(folder: folder)
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

/// Starts VMs with and without a template in turn.
private struct RestoreBench {
    private static let image = "bench"
    private let registry: Registry
    private let places: [String]

    /// Imports the image and makes its template.
    init(folder: String) throws {
        registry = try GlobalOptions.registry(folder + "/root")
        places = ["--root", folder + "/root", "--store", folder + "/store"]
        try BusyboxRoot.makeFolder(folder + "/rootfs")
        try czone(["image", "import"], ["--name", Self.image, "dir:\(folder)/rootfs"])
        try czone(["template", "create"], [Self.image])
    }

    func measure(runs: Int) throws -> (boot: Measurements, restore: Measurements) {
        var (boot, restore) = (Measurements(), Measurements())
        // The first use of anything is not what is measured.
        _ = try start(templates: "on")
        for _ in 0..<runs {
            boot.add(try start(templates: "off"))
            restore.add(try start(templates: "on"))
        }
        return (boot, restore)
    }

    func end() { try? czone(["vm", "stop"], ["--all"]) }

    private func czone(_ verb: [String], _ arguments: [String], templates: String = "on") throws {
        let command = ["CZONE_TEMPLATES=\(templates)", CurrentProcess.executablePath] + verb + places + arguments
        _ = try Stopwatch.milliseconds(of: "/usr/bin/env", command)
    }

    /// Starts a VM for a container, and ends both; how long the VM's agent took, in milliseconds.
    private func start(templates: String) throws -> Double {
        try czone(["run"], ["--detach", Self.image, "sleep", "100000"], templates: templates)
        guard let machine = try registry.virtualMachines().first else {
            throw RuntimeError.invalid("the VM ended before it was asked")
        }
        let taken = Double(try machine.describe(measured: false).bootMicroseconds) / 1000
        try czone(["vm", "stop"], ["--all"])
        try registry.cleanUp()
        return taken
    }
}
