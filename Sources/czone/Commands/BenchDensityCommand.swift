import ArgumentParser
import Bench
import LinuxSystem
import Runtime
import SystemPackage

struct BenchDensityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "density",
        abstract: "What containers cost their host in memory: in zones of one VM, or each in a VM of its own.",
        discussion: """
            Counted: the proportional set size of every czone-vm, guest memory and program among it; of images and \
            templates their page cache, once; page tables and thread stacks that the kernel keeps for the processes. \
            Per container: the slope from the first container to the last. left_after_end_bytes: our VM once all its \
            containers have ended. charged: what the kernel charges the side's control group, KVM's page tables among \
            it, where there are control groups. The container is a shell that prints and waits, or what follows IMAGE.
            """)

    enum Rival: String, CaseIterable {
        case onePerVM = "one-per-vm"
        case qemu
    }

    @Option(help: "How many containers.")
    var containers = 16

    @Option(
        help: """
            What it is compared with, with commas: one-per-vm, each in a VM of its own from a template; qemu, the same \
            shell as the only program of QEMU's microvm with our kernel.
            """)
    var vs = Rivals<Rival>([])

    @Flag(
        help: """
            Also of copies of a process template, which the VM's template has: for IMAGE and a command that marks its \
            point.
            """)
    var warmStart = false

    @Flag(help: "As JSON.")
    var json = false

    @Argument(help: "An image, as for `czone run`; by default busybox.")
    var image: String?

    @Argument(
        parsing: .captureForPassthrough, help: "What runs in it: prints something once it has its memory, and stays.")
    var command: [String] = []

    func validate() throws {
        guard (2...64).contains(containers) else {
            throw ValidationError("--containers \(containers): expected 2 to 64")
        }
        guard !warmStart || !command.isEmpty else {
            throw ValidationError("--warm-start: expected an image and a command that stops itself at its point")
        }
    }

    func run() throws {
        try withBenchDirectory { directory in
            try BusyboxRoot.makeDirectory(directory + "/rootfs")
            let ours = try measure("zones", directory, [])
            let sides = Sides(
                ours: ours, warm: warmStart ? try measure("warm", directory, ["--warm-start"]) : nil,
                alone: try vs.has(.onePerVM) { try measure("one-per-vm", directory, ["--one-per-vm"]) },
                qemu: try vs.has(.qemu) {
                    try QEMUMicroVM.density(
                        guests: containers, kernel: try Artefacts().kernel().string, directory: directory)
                })
            json ? print(Self.figures(containers, sides)) : printOutput(Self.table(sides))
        }
    }

    private func measure(_ name: String, _ directory: String, _ options: [String]) throws -> DensityBench.Result {
        let (root, store) = ("\(directory)/\(name)-root", "\(directory)/\(name)-store")
        let executable = CurrentProcess.executablePath
        let places = ["--root", root, "--store", store]
        _ = try Stopwatch.milliseconds(
            of: executable, ["image", "import"] + places + ["--name", "bench", image ?? "dir:\(directory)/rootfs"])
        let program = command.isEmpty ? ["sh", "-c", "echo ready; exec sleep 100000"] : command
        // Made before, on all sides: else it would be made beside the first containers, and be in their figures.
        let words = options + ["bench"] + (options.contains("--warm-start") ? program : [])
        _ = try Stopwatch.milliseconds(of: executable, ["template", "create"] + places + words)
        if options.contains("--warm-start") { try Self.checkProcess(executable, places) }
        var bench = try DensityBench(
            executable: executable, root: root, store: store, options: options, command: ["bench"] + program)
        return try bench.measure(containers: containers, in: BenchGroup(name))
    }

    /// - Throws: why copies cannot be measured, where the VM's template is without its process template.
    private static func checkProcess(_ executable: String, _ places: [String]) throws {
        let text = String(
            decoding: try Stopwatch.output(of: executable, ["template", "list"] + places + ["--json"]), as: UTF8.self)
        guard text.contains("\"state\" : \"ready\"") else {
            throw RuntimeError.invalid("there is no process template: see `czone template create --warm-start`")
        }
    }

    private static func reduction(_ ours: DensityBench.Result, _ theirs: DensityBench.Result) -> Double {
        100 * (1 - ours.bytesPerContainer / theirs.bytesPerContainer)
    }

    private struct Sides {
        let ours: DensityBench.Result
        let warm: DensityBench.Result?
        let alone: DensityBench.Result?
        let qemu: DensityBench.Result?
    }

    private static func figures(_ containers: Int, _ sides: Sides) -> Figure {
        var members: [(String, Figure)] = [("containers", .number(Double(containers))), ("czone", side(sides.ours))]
        if let warm = sides.warm { members.append(("warm_start", side(warm))) }
        if let warm = sides.warm, let alone = sides.alone {
            members.append(("warm_reduction_percent", .number(reduction(warm, alone))))
        }
        if let alone = sides.alone {
            members += [("one_per_vm", side(alone)), ("reduction_percent", .number(reduction(sides.ours, alone)))]
        }
        if let qemu = sides.qemu { members.append(("qemu", side(qemu))) }
        return .object(members + [("left_after_end_bytes", .number(Double(sides.ours.left.total)))])
    }

    private static func side(_ result: DensityBench.Result) -> Figure {
        func cost(_ cost: MemoryCost) -> Figure {
            .object([
                ("processes", .number(Double(cost.processes))), ("files", .number(Double(cost.files))),
                ("kernel", .number(Double(cost.kernel))),
            ])
        }
        var members: [(String, Figure)] = [
            ("bytes_per_container", .number(result.bytesPerContainer)),
            ("total_bytes", .list(result.costs.map { Double($0.total) })), ("costs", .array(result.costs.map(cost))),
            ("left_bytes", .number(Double(result.left.total))),
        ]
        if let charged = result.chargedPerContainer {
            members += [
                ("charged_bytes_per_container", .number(charged)),
                ("charged_bytes", .list(result.charged.map { Double($0) })),
            ]
        }
        return .object(members)
    }

    private static func table(_ sides: Sides) -> String {
        var table = Table(["", "PER CONTAINER", "THE FIRST", "ALL", "LEFT"], rightAligned: [1, 2, 3, 4])
        func size(_ bytes: some BinaryInteger) -> String { ByteSize(bytes: UInt64(clamping: bytes)).description }
        let all = [
            ("in zones", sides.ours), ("copies in zones", sides.warm), ("one per VM", sides.alone),
            ("QEMU's microvm", sides.qemu),
        ]
        for (name, result) in all as [(String, DensityBench.Result?)] {
            guard let result, result.costs.count > 1 else { continue }
            table.add([
                name, size(Int(result.bytesPerContainer)), size(result.costs[1].total),
                size(result.costs[result.costs.count - 1].total), size(result.left.total),
            ])
        }
        guard let alone = sides.alone else { return table.text }
        return table.text + "\n\(milliseconds(reduction(sides.ours, alone))) % less for each further container"
    }
}
