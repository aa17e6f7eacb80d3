import Glibc
import Hypervisor
import LinuxSystem
import Machine
import Supervisor

/// The parts of the process: the machine, its console, its signals.
final class VirtualMachineProcess {
    private let machine: Machine
    private let signals: SignalDescriptor
    private let console: Console
    /// Nil for a bare VM.
    private let supervisor: Supervisor?
    /// Its lock tells everybody that this VM lives; given up by the process's end, however it comes.
    private let lifeLock: OwnedDescriptor?

    init(_ arguments: Arguments) throws {
        // A reader that has gone is an error of that write, not the end of the VM.
        signal(SIGPIPE, SIG_IGN)
        // Blocked before any thread is made, so that every thread inherits it.
        signals = try SignalDescriptor([SIGINT, SIGTERM, SIGHUP])
        let console = try Console(arguments)
        self.console = console
        lifeLock = arguments.lockDescriptor.map { OwnedDescriptor(taking: $0) }
        let machine = try Machine(Self.configuration(arguments), on: try KVM()) { console.write($0) }
        self.machine = machine
        supervisor = try arguments.controlDescriptor.map { control in
            try machine.lock.locked {
                try Supervisor(
                    machine,
                    Supervisor.Configuration(
                        control: OwnedDescriptor(taking: control),
                        idleTimeoutInMilliseconds: arguments.idleTimeoutInSeconds.map { UInt64($0) * 1000 },
                        virtualCPUs: arguments.virtualCPUs))
            }
        }
    }

    /// Runs the guest; how it ended.
    func run() throws -> MachineEnd {
        try machine.lock.locked {
            try machine.loop.add(signals.descriptor, for: .readable) { [self] _ in
                while signals.next() != nil { machine.stop() }
            }
            try console.connect(to: machine)
        }
        defer { console.restoreTerminal() }
        let end = machine.run()
        machine.lock.locked { supervisor?.conclude(end) }
        return end
    }

    private static func configuration(_ arguments: Arguments) throws -> MachineConfiguration {
        MachineConfiguration(
            kernel: try open(arguments.kernel, "the guest kernel"),
            initialRAMDisk: try arguments.initialRAMDisk.map { try open($0, "the initial RAM disk") },
            commandLine: KernelCommandLine.base + " " + arguments.addedCommandLine,
            baseSizeInBytes: arguments.memoryInBytes, virtualCPUs: arguments.virtualCPUs,
            zoneCount: arguments.zones, zoneSizeInBytes: arguments.zoneSizeInBytes,
            images: try arguments.images.map { path in
                MachineConfiguration.Image(file: try open(path, "the image"), digest: digest(ofImageAt: path))
            },
            hasNetwork: arguments.controlDescriptor != nil)
    }

    /// The store names an image's file by its digest.
    private static func digest(ofImageAt path: String) -> String {
        let name = path.split(separator: "/").last ?? ""
        return name.hasSuffix(".erofs") ? String(name.dropLast(".erofs".count)) : String(name)
    }

    private static func open(_ path: String, _ what: String) throws -> OwnedDescriptor {
        do {
            return try OwnedDescriptor(opening: path, flags: O_RDONLY)
        } catch {
            throw MissingFile(what: what, path: path, cause: error)
        }
    }
}

/// A file that cannot be opened.
struct MissingFile: Error, CustomStringConvertible {
    let what: String
    let path: String
    let cause: SystemError

    var description: String { "cannot open \(what) \(path): \(cause.errno)" }
}
