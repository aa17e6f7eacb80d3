import ArgumentParser
import Geometry
import Runtime
import SystemPackage

struct BootCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "boot",
        abstract: "Boots a kernel with its console on the terminal: the bare VM.",
        discussion: "Exit codes: 0 the guest powered off, 3 it panicked, 4 it reset itself, 1 it could not be run.")

    @Option(help: "The guest's memory, such as 256M.")
    var memory = ByteSize(bytes: 256 << 20)

    @Option(help: "How many vCPUs.")
    var cpus = 1

    @Option(help: "The kernel, an ELF vmlinux; without it czone's own.", completion: .file())
    var kernel: String?

    @Option(help: "The initial RAM disk; without it czone's own.", completion: .file())
    var initrd: String?

    @Option(help: "What is added to the kernel's command line.")
    var append: String?

    @Option(help: "How many zones are described to the guest (0 to \(ZoneGeometry.maxZoneCount)).")
    var zones = 0

    func run() throws {
        do {
            let artefacts = Artefacts()
            let configuration = try Configuration.load()
            let user = try UserLease(
                in: Registry(root: FilePath(HostDirectories.root())), from: configuration.firstUser)
            let launch = BareVirtualMachine(
                monitor: try artefacts.virtualMachineMonitor(),
                kernel: try kernel.map { FilePath($0) } ?? artefacts.kernel(),
                initialRAMDisk: try initrd.map { FilePath($0) } ?? artefacts.initialRAMDisk(),
                memoryInBytes: memory.bytes, virtualCPUs: cpus, addedCommandLine: append, zones: zones,
                user: user, isReduced: configuration.reducesJail)
            throw failure(launch.become())
        } catch let error as RuntimeError {
            throw failure(error)
        } catch let error as Artefacts.Missing {
            throw failure(error)
        }
    }
}
