import ArgumentParser
import Bench
import LinuxSystem
import Runtime
import SystemPackage

struct BenchBootCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "boot",
        abstract: "Time from process start to the first line of /init, `czone boot` and another monitor in turn.",
        discussion: "Both boot the same kernel with the same busybox initial RAM disk, on as many vCPUs.")

    enum Rival: String, ExpressibleByArgument { case qemu }

    @Option(help: "What it is compared with: qemu (its microvm machine on KVM).")
    var vs: Rival = .qemu

    @Option(help: "How often each side boots.")
    var runs = 10

    @Option(help: "How many vCPUs.")
    var cpus = 1

    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        try withBenchDirectory { directory in
            let disk = directory + "/initrd"
            try FileSystem.replace(disk, with: try BusyboxRoot.initialRAMDisk())
            let kernel = try Artefacts().kernel().string
            var (czone, qemu) = (Measurements(), Measurements())
            for _ in 0..<max(1, runs) {
                czone.add(
                    try Stopwatch.milliseconds(
                        of: CurrentProcess.executablePath, ["boot", "--cpus", "\(cpus)", "--initrd", disk],
                        until: BusyboxRoot.greeting))
                qemu.add(
                    try Stopwatch.milliseconds(
                        of: QEMUMicroVM.program,
                        QEMUMicroVM.arguments(kernel: kernel, initialRAMDisk: disk, virtualCPUs: cpus),
                        until: BusyboxRoot.greeting))
            }
            report(czone, qemu)
        }
    }

    private func report(_ czone: Measurements, _ qemu: Measurements) {
        let ratio = czone.median / qemu.median
        if json {
            print(
                Figure.object([
                    ("czone_ms", czone.figure), ("qemu_ms", qemu.figure),
                    ("ratio", .number(ratio)),
                ]))
        } else {
            print("process start to the first line of /init, median of \(czone.runs.count) runs each")
            print(
                "czone \(milliseconds(czone.median)) ms, QEMU \(milliseconds(qemu.median)) ms, ratio \(milliseconds(ratio))"
            )
        }
    }
}
