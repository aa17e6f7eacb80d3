import ControlProtocol
import LinuxSystem
import OCI
import Runtime
import SystemPackage

/// Starts containers on several sides in turn.
final class StartBench {
    /// One side's figures.
    struct Side {
        var command = Measurements()
        var firstInstruction = Measurements()
        var firstByte = Measurements()
        /// Whole commands at once, by how many they were.
        var bursts: [(count: Int, command: Measurements)] = []
    }

    private let folder: String
    private let rivals: Rivals<StartRival>
    private let executable = CurrentProcess.executablePath
    private let registry: Registry
    private let store: ImageStore
    private let alone = ["--one-per-vm"]
    private static let image = "bench"

    private var places: [String] { ["--root", folder + "/root", "--store", folder + "/store"] }

    /// Imports the image, and boots the VM that our containers start in, or makes the rival's template.
    init(folder: String, rivals: Rivals<StartRival>) throws {
        self.folder = folder
        self.rivals = rivals
        registry = try GlobalOptions.registry(folder + "/root")
        store = try GlobalOptions.images(folder + "/store")
        try BusyboxRoot.makeFolder(folder + "/rootfs")
        try czone(["image", "import"], ["--name", Self.image, "dir:\(folder)/rootfs"])
        try czone(["run"], ["--detach", "--name", "resident", Self.image, "sleep", "100000"])
        if rivals.contains(.runc) {
            try FileSystem.replace(folder + "/config.json", with: Array(RuncBundle.configuration.utf8))
        }
        if rivals.contains(.qemu) {
            try FileSystem.replace(folder + "/initrd", with: try BusyboxRoot.initialRAMDisk())
        }
        if rivals.contains(.onePerVM) {
            try czone(["template", "create"], alone + [Self.image])
            // The first use of anything is not what is measured.
            try czone(["run"], alone + ["--rm", Self.image, "true"])
            try rest()
        }
    }

    func end() { _ = try? Stopwatch.milliseconds(of: executable, ["vm", "stop"] + places + ["--all"]) }

    private func czone(_ verb: [String], _ arguments: [String]) throws {
        _ = try Stopwatch.milliseconds(of: executable, verb + places + arguments)
    }

    func measure(runs: Int, bursts: [Int]) throws -> StartFigures {
        var figures = StartFigures()
        if rivals.contains(.onePerVM) { figures.onePerVM = Side() }
        if rivals.contains(.runc) { figures.runc = Measurements() }
        if rivals.contains(.qemu) { figures.qemu = Measurements() }
        let kernel = try Artefacts().kernel().string
        for index in 0..<runs {
            try startOne([], &figures.czone)
            if var side = figures.onePerVM {
                try startOne(alone, &side)
                figures.onePerVM = side
            }
            if rivals.contains(.runc) {
                figures.runc?.add(
                    try Stopwatch.milliseconds(of: "runc", ["run", "-b", folder, "czone-bench-\(index)"]))
            }
            if rivals.contains(.qemu) {
                let arguments = QEMUMicroVM.arguments(
                    kernel: kernel, initialRAMDisk: folder + "/initrd", virtualCPUs: 1)
                figures.qemu?.add(
                    try Stopwatch.milliseconds(of: QEMUMicroVM.program, arguments, until: BusyboxRoot.greeting))
            }
        }
        for count in bursts {
            figures.czone.bursts.append((count, try burst([], count)))
            if figures.onePerVM != nil { figures.onePerVM?.bursts.append((count, try burst(alone, count))) }
        }
        return figures
    }

    private func startOne(_ options: [String], _ side: inout Side) throws {
        side.command.add(
            try Stopwatch.milliseconds(of: executable, ["run"] + places + options + ["--rm", Self.image, "true"]))
        try rest()
        let probe = try probe(options)
        side.firstInstruction.add(probe.firstInstruction)
        side.firstByte.add(probe.firstByte)
        try rest()
    }

    private func burst(_ options: [String], _ count: Int) throws -> Measurements {
        let command = (executable, ["run"] + places + options + ["--rm", Self.image, "true"])
        let times = try Stopwatch.milliseconds(ofEach: Array(repeating: command, count: count))
        try rest()
        return Measurements(times)
    }

    /// All that `czone run` does once its process is there.
    private func probe(_ options: [String]) throws -> StartProbe {
        let requestedAt = MonotonicClock.nanoseconds
        guard let arguments = RunArguments(options + ["--rm", Self.image, "/bin/busybox", "echo", "x"]) else {
            throw RuntimeError.invalid("there is no option \(options)")
        }
        let configuration = try Configuration.load()
        let files = try VirtualMachineFiles(Artefacts())
        let image = try ImageImport.resolve(Self.image, in: store)
        let plan = try RunPlan(arguments.options, image: image, configuration: configuration, files: files)
        return try StartProbe(
            Placement.Order(
                key: plan.key, record: plan.record, specification: plan.specification, streams: .none, image: image,
                store: store),
            by: Placement(registry: registry, configuration: configuration, files: files), requestedAt: requestedAt)
    }

    /// Waits until the resident container is the only one: no VM and no zone is on its way.
    private func rest() throws {
        while true {
            let machines = try registry.virtualMachines()
            // One that is just ending cannot be asked any more.
            if machines.count == 1, (try? machines[0].describe(measured: false))?.containers.count == 1 { break }
            _ = try wait(for: [], timeoutInMilliseconds: 20)
        }
        try registry.cleanUp()
    }
}

/// All sides' figures.
struct StartFigures {
    var czone = StartBench.Side()
    var onePerVM: StartBench.Side?
    var runc: Measurements?
    var qemu: Measurements?

    private static func percentiles(_ figures: Measurements) -> [(String, Figure)] {
        [("p50_ms", .number(figures.percentile(50))), ("p99_ms", .number(figures.percentile(99)))]
    }

    private static func reduction(_ ours: Measurements, _ theirs: Measurements) -> Double {
        100 * (1 - ours.percentile(50) / theirs.percentile(50))
    }

    private static func side(_ side: StartBench.Side) -> Figure {
        let bursts = side.bursts.map { burst in
            Figure.object([("containers", .number(Double(burst.count)))] + percentiles(burst.command))
        }
        return .object(
            percentiles(side.command) + [
                ("first_instruction", .object(percentiles(side.firstInstruction))),
                ("first_byte", .object(percentiles(side.firstByte))), ("bursts", .array(bursts)),
                ("runs", .list(side.command.runs)), ("first_instruction_runs", .list(side.firstInstruction.runs)),
                ("first_byte_runs", .list(side.firstByte.runs)),
            ])
    }

    var json: Figure {
        var members: [(String, Figure)] = [("czone", Self.side(czone))]
        if let onePerVM {
            members += [
                ("one_per_vm", Self.side(onePerVM)),
                ("reduction_percent", .number(Self.reduction(czone.command, onePerVM.command))),
                (
                    "reduction_percent_first_instruction",
                    .number(Self.reduction(czone.firstInstruction, onePerVM.firstInstruction))
                ),
                ("reduction_percent_first_byte", .number(Self.reduction(czone.firstByte, onePerVM.firstByte))),
            ]
        }
        if let runc {
            members += [
                ("runc", .object(Self.percentiles(runc) + [("runs", .list(runc.runs))])),
                ("runc_ratio", .number(czone.command.percentile(50) / runc.percentile(50))),
            ]
        }
        if let qemu {
            members.append(
                ("qemu", .object([("first_byte", .object(Self.percentiles(qemu))), ("runs", .list(qemu.runs))])))
        }
        return .object(members)
    }

    var table: String {
        var table = Table(["", "COMMAND", "FIRST INSTRUCTION", "FIRST BYTE"], rightAligned: [1, 2, 3])
        func text(_ figures: Measurements) -> String {
            "\(milliseconds(figures.percentile(50))) / \(milliseconds(figures.percentile(99)))"
        }
        for (name, side) in [("czone", czone), ("one per VM", onePerVM)] as [(String, StartBench.Side?)] {
            guard let side else { continue }
            table.add([name, text(side.command), text(side.firstInstruction), text(side.firstByte)])
            for burst in side.bursts { table.add(["\(name), \(burst.count) at once", text(burst.command), "", ""]) }
        }
        if let runc { table.add(["runc", text(runc), "", ""]) }
        if let qemu { table.add(["QEMU's microvm", "", "", text(qemu)]) }
        return "milliseconds, p50 / p99 of \(czone.command.runs.count) runs each\n" + table.text
    }
}
