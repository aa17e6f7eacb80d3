import ArgumentParser
import LinuxSystem
import Logs
import Runtime

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Runs a container in a zone of its own.",
        discussion:
            "IMAGE: an OCI archive, an OCI layout directory, a docker archive, dir:ROOTFS, or a stored image's name or digest."
    )

    @OptionGroup var global: GlobalOptions

    @Option(help: "The function's name; containers of one function share VMs. By default its image's digest.")
    var function: String?
    @Option(help: "Different tenants never share a VM.")
    var tenant = "default"
    @Option(
        name: [.short, .long], help: "The container's memory, such as 256M; its zone is that rounded up to 128 MiB.")
    var memory: ByteSize?
    @Option(help: "How many CPUs it may use, such as 1.5.")
    var cpus: CPUCount?
    @Option(help: "Its name; by default 12 random digits.")
    var name: String?
    @Option(help: "Its host name; by default its name.")
    var hostname: String?
    @Flag(name: [.short, .long], help: "Leave it running and print its name.")
    var detach = false
    @Flag(help: "Keep nothing of it when it has ended.")
    var rm = false
    @Flag(name: [.short, .long], help: "Give it this command's standard input.")
    var interactive = false
    @Flag(name: [.short, .long], help: "Give it a terminal.")
    var tty = false
    @Option(name: [.short, .long], help: "NAME=VALUE for its environment; NAME alone takes this command's.")
    var env: [String] = []
    @Option(help: "A file with a NAME=VALUE on each line.", completion: .file())
    var envFile: [String] = []
    @Option(name: [.short, .long], help: "The directory that it starts in.")
    var workdir: String?
    @Option(name: [.short, .long], help: "Who it runs as: a user or number, with or without :group.")
    var user: String?
    @Option(help: "Replaces the image's entry point.")
    var entrypoint: String?
    @Flag(help: "It cannot write to its root file system.")
    var readOnly = false
    @Flag(help: "It has a user namespace: its users, root among them, are nobody outside of it.")
    var userns = false
    @Option(help: "A capability that it gets besides the usual ones, such as NET_ADMIN, or ALL.")
    var capAdd: [String] = []
    @Option(help: "A capability that it does not get, or ALL.")
    var capDrop: [String] = []
    @Option(help: "How many processes it may have; -1 for any number.")
    var pidsLimit: Int64?
    @Option(name: [.short, .long], help: "SRC:DST[:ro]: it sees the host's file or directory SRC at DST.")
    var volume: [String] = []
    @Option(help: "none, or ns:PATH: the interfaces of a network namespace such as CNI makes.")
    var network = "none"
    @Option(help: "A policy by which it reaches cloud services without keys of its own (docs/fabric.md).")
    var fabric: String?

    @Flag(name: .customLong("one-per-vm"), help: "Give it a VM of its own, without zones.")
    var onePerVM = false
    @Flag(help: "Begin as a copy of the function's process template, which is made behind the first such container.")
    var warmStart = false
    @Option(help: "NAME,NAME: variables of its environment that may differ from other copies' of the template.")
    var warmStartEnv: [String] = []

    @Option(help: "max-size=SIZE or max-file=COUNT: how much of what it prints is kept (16M in each of 3 files).")
    var logOpt: [String] = []

    @Flag(help: "Print on standard error where the time of its start went.")
    var timings = false

    @Argument(help: "What to run.")
    var image: String
    @Argument(parsing: .captureForPassthrough, help: "Its arguments; by default the image's own.")
    var command: [String] = []

    func run() throws { throw ExitCode(Self.run(arguments)) }

    /// The exit code.
    static func run(_ arguments: RunArguments) -> Int32 {
        Log.choose(level: arguments.logLevel, format: arguments.logFormat)
        let beganAt = MonotonicClock.nanoseconds
        do {
            return try ContainerRunner(
                registry: try GlobalOptions.registry(arguments.root), store: try GlobalOptions.images(arguments.store),
                options: arguments.options, beganAt: beganAt
            ).run()
        } catch {
            report("\(error)")
            return 1
        }
    }

    var arguments: RunArguments {
        RunArguments(
            options, root: global.root, store: global.store, logLevel: global.logLevel, logFormat: global.logFormat)
    }

    private var options: RunOptions {
        var options = RunOptions()
        options.image = image
        options.arguments = command.first == "--" ? Array(command.dropFirst()) : command
        options.function = function
        options.tenant = tenant
        options.memory = memory
        options.milliCPUs = cpus?.thousandths
        options.name = name
        options.hostname = hostname
        options.isDetached = detach
        options.isRemovedAtEnd = rm
        options.isInteractive = interactive
        options.hasTerminal = tty
        options.environment = env
        options.environmentFiles = envFile
        options.workingDirectory = workdir
        options.user = user
        options.entryPoint = entrypoint
        options.isReadOnly = readOnly
        options.hasOwnUsers = userns
        options.addedCapabilities = capAdd
        options.droppedCapabilities = capDrop
        options.processesMax = pidsLimit
        options.volumes = volume
        options.network = network
        options.fabric = fabric
        options.isAlone = onePerVM
        options.isWarmStart = warmStart
        options.varying = warmStartEnv
        options.logOptions = logOpt
        options.showsTimings = timings
        return options
    }
}

/// A number of CPUs with up to three decimals.
struct CPUCount: ExpressibleByArgument {
    let thousandths: UInt64

    init?(argument: String) {
        let parts = argument.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let decimals = parts.count > 1 ? parts[1] : ""
        guard decimals.count <= 3, let whole = UInt64(parts[0].isEmpty ? "0" : parts[0]), whole <= 1024,
            let part = UInt64(decimals + String(repeating: "0", count: 3 - decimals.count))
        else { return nil }
        thousandths = whole * 1000 + part
        // The kernel's least quota is 1 ms of each 100 ms.
        guard thousandths >= 10 else { return nil }
    }
}
