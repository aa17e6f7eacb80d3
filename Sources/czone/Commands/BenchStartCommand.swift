import ArgumentParser
import LinuxSystem
import Runtime

struct BenchStartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Time of a whole command that runs `true` in a container, in a running VM and with runc in turn.")

    enum Rival: String, ExpressibleByArgument { case runc }

    @Option(help: "What it is compared with: runc, on the same root file system.")
    var vs: Rival = .runc

    @Option(help: "How often each side starts a container.")
    var runs = 20

    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        do {
            let folder = "/run/czone-bench-" + RandomBytes.bytes(6).map { String($0, radix: 16) }.joined()
            try FileSystem.makeFolder(folder, mode: 0o755)
            defer { removeFolder(folder) }
            try BusyboxRoot.makeFolder(folder + "/rootfs")
            let places = ["--root", folder + "/root", "--store", folder + "/store"]
            let czone = CurrentProcess.executablePath
            _ = try Stopwatch.milliseconds(
                of: czone, ["image", "import"] + places + ["--name", "bench", "dir:\(folder)/rootfs"])
            _ = try Stopwatch.milliseconds(
                of: czone, ["run"] + places + ["--detach", "--name", "resident", "bench", "sleep", "100000"])
            defer { _ = try? Stopwatch.milliseconds(of: czone, ["vm", "stop"] + places + ["--all"]) }
            try FileSystem.replace(folder + "/config.json", with: Array(RuncBundle.configuration.utf8))
            try measure(czone, places, folder)
        } catch {
            throw failure("\(error)")
        }
    }

    private func measure(_ czone: String, _ places: [String], _ folder: String) throws {
        var (ours, runcs) = (Measurements(), Measurements())
        for index in 0..<max(1, runs) {
            ours.add(try Stopwatch.milliseconds(of: czone, ["run"] + places + ["--rm", "bench", "true"]))
            runcs.add(try Stopwatch.milliseconds(of: "runc", ["run", "-b", folder, "czone-bench-\(index)"]))
        }
        let ratio = ours.percentile(50) / runcs.percentile(50)
        if json {
            func sides(_ figures: Measurements) -> Figure {
                .object([
                    ("p50_ms", .number(figures.percentile(50))), ("p99_ms", .number(figures.percentile(99))),
                    ("runs", .list(figures.runs)),
                ])
            }
            print(Figure.object([("czone", sides(ours)), ("runc", sides(runcs)), ("runc_ratio", .number(ratio))]))
        } else {
            print("whole command that runs `true`, p50 of \(ours.runs.count) runs each")
            print("czone \(milliseconds(ours.percentile(50))) ms, runc \(milliseconds(runcs.percentile(50))) ms, "
                + "ratio \(milliseconds(ratio))")
        }
    }
}
