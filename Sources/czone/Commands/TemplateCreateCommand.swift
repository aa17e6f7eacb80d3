import ArgumentParser
import LinuxSystem
import OCI
import Runtime

extension TemplateCommand {
    struct CreateCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Makes the template of an image's VMs, unless there is one.",
            discussion: "Otherwise it is made in the background when the first container of the image runs.")

        @OptionGroup var global: GlobalOptions
        @Option(name: [.short, .long], help: "The memory of the containers that are to run in its VMs.")
        var memory: ByteSize?
        @Flag(name: .customLong("one-per-vm"), help: "For containers that have a VM of their own, without zones.")
        var onePerVM = false
        @Argument(help: "As for `czone run`.")
        var image: String

        func run() throws {
            global.apply()
            try reportingFailures {
                let configuration = try Configuration.load()
                let files = try VirtualMachineFiles(Artefacts())
                let store = try global.images()
                let stored = try ImageImport.resolve(image, in: store)
                let key = FunctionKey(
                    function: nil, tenant: "default", image: stored.digest, kernel: files.identity,
                    zoneSizeInBytes: try ZoneSize.fitting(memory?.bytes ?? configuration.zoneSizeInBytes),
                    isAlone: onePerVM)
                let placement = Placement(registry: try global.registry(), configuration: configuration, files: files)
                let order = Placement.MachineOrder(key: key, image: stored, imageName: image, store: store)
                printOutput(try placement.makeTemplate(for: order))
            }
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
                for: Placement.MachineOrder(key: key, image: stored, imageName: imageName, store: store),
                behind: registry.function(key).virtualMachine(behind))
        }
    }
}
