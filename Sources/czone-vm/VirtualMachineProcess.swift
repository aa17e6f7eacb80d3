import ControlProtocol
import FileShare
import Glibc
import Hypervisor
import Jail
import LinuxSystem
import Logging
import Logs
import Machine
import Supervisor
import Virtio

/// The parts of the process: the machine, its console, its signals.
final class VirtualMachineProcess {
    private let machine: Machine
    private let signals: SignalDescriptor
    private let console: Console
    /// Nil for a bare VM.
    private let supervisor: Supervisor?
    /// Answer the guest's requests for files.
    private let fileThreads: WorkerThreads
    /// Write logs and exit records.
    private let diskThreads = WorkerThreads()
    private let disk: DiskWork
    /// Its lock is the sign that this VM lives; released by the process's end, however it comes.
    private let lifeLock: OwnedDescriptor?
    /// Nil for a VM that is not to be saved.
    private let template: TemplateFiles?
    /// Nil for a VM whose working set nobody wants.
    private let workingSet: OwnedDescriptor?
    private var walls: Walls

    private let logFile: LogFile

    init(_ arguments: MachineArguments, startedAt: UInt64, logFile: LogFile) throws {
        self.logFile = logFile
        // A reader that has gone is an error of that write, not the end of the VM.
        signal(SIGPIPE, SIG_IGN)
        // Blocked before any thread is made, so that every thread inherits it.
        signals = try SignalDescriptor([SIGINT, SIGTERM, SIGHUP])
        let purpose = arguments.purpose
        let console = try Console(purpose)
        self.console = console
        lifeLock = purpose.service.map { OwnedDescriptor(taking: $0.lockDescriptor) }
        let saved: TemplateFiles? =
            if case .saveTemplate(let template) = purpose { try TemplateFiles(making: template) } else { nil }
        template = saved
        let snapshot = try purpose.restored.map { try TemplateFiles.snapshot($0) }
        // Not there when the snapshot was looked at.
        workingSet = try purpose.makeWorkingSetFile()
        walls = try Walls(arguments)
        let fileThreads = WorkerThreads()
        self.fileThreads = fileThreads
        // A bare VM has no volumes.
        let files = arguments.takesContainers ? RemoteFileServer() : nil
        let machine = try Machine(
            Self.configuration(arguments, files.map { Self.fileSystem($0, fileThreads) }), on: try KVM(),
            from: snapshot
        ) { console.write($0) }
        self.machine = machine
        let disk = try machine.lock.locked { [diskThreads] in try DiskWork(on: machine.loop, diskThreads) }
        self.disk = disk
        supervisor = try machine.lock.locked {
            let control = purpose.service.map { OwnedDescriptor(taking: $0.controlDescriptor) }
            guard let files else { return nil }
            let hostMemory = try HostMemoryFile()
            var configuration = Supervisor.Configuration(
                control: control,
                idleTimeoutInMilliseconds: purpose.service?.idleTimeoutInSeconds.map { UInt64($0) * 1000 },
                prewarm: purpose.service?.prewarmTimeoutInSeconds.map {
                    PrewarmLimit(atMostSeconds: $0, of: hostMemory)
                },
                isAlone: arguments.isAlone, virtualCPUs: arguments.size.virtualCPUs, purpose: purpose.ofSupervisor,
                isRestored: snapshot != nil, startedAt: startedAt, files: files, fileThreads: fileThreads, disk: disk,
                log: { Log.logger.info("\($0)") })
            configuration.processTemplate = saved?.processTemplate
            configuration.restoredState = machine.attachment
            configuration.memoryLimit = Self.memoryLimit(arguments, disk)
            configuration.hostMemory = hostMemory
            return try Supervisor(machine, configuration)
        }
    }

    /// Runs the guest; how it ended.
    func run() throws -> MachineEnd {
        try machine.lock.locked {
            try machine.loop.add(signals.descriptor, for: .readable) { [self] _ in
                while signals.next() != nil { machine.stop() }
            }
            try console.connect(to: machine, disk)
        }
        try walls.goBehind()
        // While one waits for a disk, the other works on.
        try diskThreads.start(Walls.diskThreadCount, named: "disk", prepare: walls.entrance(.disk))
        logFile.hand(to: diskThreads)
        if supervisor != nil {
            try fileThreads.start(
                ControlRequest.fileThreads, named: "files", prepare: walls.entrance(.files))
        }
        defer { console.restoreTerminal() }
        let end = machine.run(
            prepareProcessor: walls.entrance(.processor), prepareNetwork: walls.entrance(.network)
        ) { walls.close() }
        let (isFulfilled, state, report) = machine.lock.locked {
            if let supervisor {
                supervisor.conclude(end)
            } else {
                disk.finish(withinMilliseconds: Supervisor.maxDiskWait)
            }
            return (
                supervisor?.isPurposeFulfilled ?? false, supervisor?.savedState ?? [], supervisor?.processTemplateReport
            )
        }
        if let template {
            guard isFulfilled else { throw NoTemplate(end: end) }
            try template.save(machine, supervisor: state, report: report)
        }
        if let workingSet {
            guard isFulfilled else { throw NoTemplate(end: end) }
            try workingSet.write(all: machine.workingSet().bytes)
        }
        return end
    }

    /// Of the VM's control group; nil where it has none.
    private static func memoryLimit(_ arguments: MachineArguments, _ disk: DiskWork) -> MemoryLimit? {
        arguments.purpose.service?.memoryLimitDescriptor.map {
            MemoryLimit(
                OwnedDescriptor(taking: $0), fixed: arguments.size.memoryInBytes + MachineArguments.overheadInBytes,
                disk)
        }
    }

    private static func fileSystem(_ files: any VolumeServer, _ threads: WorkerThreads)
        -> FileSystemDevice.Configuration
    {
        FileSystemDevice.Configuration(
            tag: AttachRequest.tag, maxRequestBytes: FileServer.maxRequest,
            answer: { files.answer($0, room: $1) }, perform: { threads.add($0) })
    }

    private static func configuration(
        _ arguments: MachineArguments, _ fileSystem: FileSystemDevice.Configuration?
    ) throws -> MachineConfiguration {
        MachineConfiguration(
            kernel: try open(arguments.kernel, "the guest kernel"),
            initialRAMDisk: try arguments.initialRAMDisk.map { try open($0, "the initial RAM disk") },
            commandLine: KernelCommandLine.base + " " + arguments.addedCommandLine,
            baseSizeInBytes: arguments.size.memoryInBytes, virtualCPUs: arguments.size.virtualCPUs,
            zoneCount: arguments.size.zoneCount, zoneSizeInBytes: arguments.size.zoneSizeInBytes,
            images: try arguments.images.map { try $0.map { try open($0, "the image") } },
            takesContainers: arguments.takesContainers, fileSystem: fileSystem)
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

extension MachineArguments.Purpose {
    fileprivate var service: MachineArguments.Service? {
        if case .containers(let service) = self { service } else { nil }
    }

    /// The template that the VM is restored from.
    fileprivate var restored: MachineArguments.Template? {
        switch self {
        case .containers(let service): service.template
        case .recordWorkingSet(let template, _): template
        case .console, .saveTemplate: nil
        }
    }

    /// A bare VM has no supervisor.
    fileprivate var ofSupervisor: Supervisor.Purpose {
        switch self {
        case .console, .containers: .containers
        case .saveTemplate: .template
        case .recordWorkingSet: .workingSetRecording
        }
    }
}
