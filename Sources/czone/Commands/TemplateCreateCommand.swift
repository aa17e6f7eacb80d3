import ArgumentParser
import ControlProtocol
import LinuxSystem
import OCI
import Runtime

extension TemplateCommand {
    struct CreateCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Makes the template of an image's VMs, unless there is one.",
            discussion: """
                Otherwise it is made in the background when the first container of the image runs. With --warm-start the \
                VMs have a process template too, for containers that `czone run --warm-start` with the same options runs: \
                those of its options that matter for it are options here.
                """)

        @OptionGroup var global: GlobalOptions
        @Option(name: [.short, .long], help: "The memory of the containers that are to run in its VMs.")
        var memory: ByteSize?
        @Flag(name: .customLong("one-per-vm"), help: "For containers that have a VM of their own, without zones.")
        var onePerVM = false
        @Flag(help: "With a process template, of the image's command or the one given.")
        var warmStart = false
        @OptionGroup(title: "With --warm-start, as for `czone run`") var process: ProcessOptions
        @Argument(help: "As for `czone run`.")
        var image: String
        @Argument(
            parsing: .captureForPassthrough, help: "With --warm-start: its arguments; by default the image's own.")
        var command: [String] = []

        func validate() throws {
            guard warmStart || command.isEmpty else {
                throw ValidationError("the template of a VM has no command: it is for --warm-start")
            }
            guard !warmStart || !onePerVM else {
                throw ValidationError("--warm-start and --one-per-vm: a container that is alone is never a further one")
            }
        }

        func run() throws {
            try global.perform {
                let configuration = try Configuration.load()
                let files = try VirtualMachineFiles(Artefacts())
                let store = try global.images()
                let stored = try ImageImport.resolve(image, in: store)
                let registry = try global.registry()
                let placement = Placement(registry: registry, configuration: configuration, files: files)
                let order =
                    try warmStart
                    ? warmOrder(stored, store, configuration, files, registry)
                    : plainOrder(stored, store, configuration, files)
                printOutput(try placement.makeTemplate(for: order))
            }
        }

        private func plainOrder(
            _ stored: StoredImage, _ store: ImageStore, _ configuration: Configuration, _ files: VirtualMachineFiles
        ) throws -> Placement.MachineOrder {
            let key = FunctionKey(
                function: nil, tenant: "default", image: stored.digest, kernel: files.identity,
                zoneSizeInBytes: try memory.map { try ZoneSize.fitting($0.bytes) }
                    ?? (onePerVM
                        ? ZoneSize.fitting(configuration.zoneSizeInBytes) : ZoneSize.elastic(configuration)),
                isAlone: onePerVM)
            return Placement.MachineOrder(key: key, image: stored, imageName: image, store: store)
        }

        /// That of the VM which a container with these options would start.
        private func warmOrder(
            _ stored: StoredImage, _ store: ImageStore, _ configuration: Configuration, _ files: VirtualMachineFiles,
            _ registry: Registry
        ) throws -> Placement.MachineOrder {
            var options = process.options
            options.image = image
            options.arguments = command.first == "--" ? Array(command.dropFirst()) : command
            options.memory = memory
            let plan = try RunPlan(
                options, image: stored, configuration: configuration, files: files, registry: registry)
            guard let warmStart = plan.warmStart else { throw RuntimeError.invalid("no warm start was planned") }
            let request = ProcessTemplateRequest(plan.specification, warmStart)
            do throws(ProcessTemplateIdentity.Obstacle) { _ = try request.identity } catch {
                throw RuntimeError.invalid("such a container is no copy of a process template: \(error)")
            }
            return Placement.MachineOrder(
                key: plan.key, image: stored, imageName: image, store: store, process: request)
        }
    }

    /// Options of `czone run` that a process template depends on.
    struct ProcessOptions: ParsableArguments {
        @Option(help: "The function's name; by default its image's digest.")
        var function: String?
        @Option(help: "Whose it is.")
        var tenant = "default"
        @Option(name: [.short, .long], help: "NAME=VALUE for its environment.")
        var env: [String] = []
        @Option(help: "NAME,NAME: variables of its environment that may differ between copies.")
        var warmStartEnv: [String] = []
        @Option(name: [.short, .long], help: "The directory that it starts in.")
        var workdir: String?
        @Option(name: [.short, .long], help: "Who it runs as.")
        var user: String?
        @Option(help: "Replaces the image's entry point.")
        var entrypoint: String?
        @Flag(help: "It cannot write to its root file system.")
        var readOnly = false
        @Option(name: [.short, .long], help: "SRC:DST[:ro]: the template has DST, and nothing of SRC.")
        var volume: [String] = []

        /// As `czone run --warm-start` would read them.
        var options: RunOptions {
            var options = RunOptions()
            options.function = function
            options.tenant = tenant
            options.environment = env
            options.workingDirectory = workdir
            options.user = user
            options.entryPoint = entrypoint
            options.isReadOnly = readOnly
            options.volumes = volume
            options.isWarmStart = true
            options.varying = warmStartEnv
            return options
        }
    }

    /// What commands start behind themselves (`CommandProvider`); not for people.
    struct ProvideCommand: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "provide", shouldDisplay: false)

        @OptionGroup var global: GlobalOptions
        @Option var function: String
        @Option var tenant: String
        @Option var zoneSize: UInt64
        @Option var imageName: String
        @Option var behind: String
        @Flag(name: .customLong("one-per-vm")) var onePerVM = false
        /// The process template is described on standard input.
        @Flag var warmStart = false
        @Argument var image: String

        func run() throws {
            CurrentProcess.yieldToOthers()
            let files = try VirtualMachineFiles(Artefacts())
            let store = try global.images()
            guard let stored = try store.find(image) else { throw OCIError.notFound(image) }
            let key = FunctionKey(
                function: function, tenant: tenant, image: stored.digest, kernel: files.identity,
                zoneSizeInBytes: zoneSize, isAlone: onePerVM)
            let registry = try global.registry()
            try Placement(registry: registry, configuration: try Configuration.load(), files: files).provideNow(
                for: Placement.MachineOrder(
                    key: key, image: stored, imageName: imageName, store: store,
                    process: warmStart ? try Self.readProcessTemplate() : nil),
                behind: registry.function(key).virtualMachine(behind))
        }

        private static func readProcessTemplate() throws -> ProcessTemplateRequest {
            let input = StandardStream.input.descriptor
            let size = min(try input.sizeInBytes(), UInt64(ProcessTemplateRequest.maxBytes))
            return try ProcessTemplateRequest(bytes: try input.read(exactly: Int(size), at: 0))
        }
    }
}
