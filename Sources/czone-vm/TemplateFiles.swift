import ControlProtocol
import Glibc
import LinuxSystem
import Machine

/// The two files of a template: the machine's state, and its base memory. Opened before the guest runs.
struct TemplateFiles {
    private let state: OwnedDescriptor
    private let memory: OwnedDescriptor
    private let identity: String
    /// What became of its process template, for readers of the store (`ProcessTemplateReport`); nil: it is to have none.
    private let report: OwnedDescriptor?
    /// The process template that the saved VM is to have, where the directory says so.
    let processTemplate: ProcessTemplateRequest?
    private static let workingSetName = "working-set"

    /// Makes the files, empty, in a directory that has none: to be written once, and read by anybody.
    init(making template: MachineArguments.Template) throws {
        let directory = template.directory
        func make(_ name: String) throws(SystemError) -> OwnedDescriptor {
            try OwnedDescriptor(opening: "\(directory)/\(name)", flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o444)
        }
        state = try make("state")
        memory = try make("memory")
        identity = template.identity
        let request = try FileSystem.contents(
            of: "\(directory)/\(ProcessTemplateRequest.fileName)", atMost: ProcessTemplateRequest.maxBytes)
        processTemplate = try request.map { try ProcessTemplateRequest(bytes: $0) }
        report = try processTemplate.map { _ in try make(ProcessTemplateReport.fileName) }
    }

    /// Saves a machine that stands still; nobody writes the files afterwards.
    ///
    /// - Parameters:
    ///   - supervisor: what its supervisor wants to know of it when it is restored.
    ///   - report: of its process template; nil: it was to have none.
    func save(_ machine: Machine, supervisor: [UInt8], report: ProcessTemplateReport?) throws {
        try machine.save(state: state, memory: memory, identity: identity, attachment: supervisor)
        if let report { try self.report?.write(all: report.bytes) }
    }

    /// A template to restore a machine from.
    static func snapshot(_ template: MachineArguments.Template) throws(MachineError) -> Snapshot {
        let directory = template.directory
        do {
            let workingSet = "\(directory)/\(workingSetName)"
            return Snapshot(
                state: try OwnedDescriptor(opening: "\(directory)/state", flags: O_RDONLY),
                memory: try OwnedDescriptor(opening: "\(directory)/memory", flags: O_RDONLY),
                identity: template.identity,
                // Not there yet for the VM that records it.
                workingSet: try FileSystem.status(workingSet) == nil
                    ? nil : try OwnedDescriptor(opening: workingSet, flags: O_RDONLY))
        } catch { throw .snapshot(.other("\(error)")) }
    }
}

extension MachineArguments.Purpose {
    /// The file that gets a working set, empty; nil where none is recorded.
    func makeWorkingSetFile() throws(SystemError) -> OwnedDescriptor? {
        guard case .recordWorkingSet(_, let path) = self else { return nil }
        return try OwnedDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o444)
    }
}

/// A VM that was to become a template, or to record a working set, and ended before it could.
struct NoTemplate: Error, CustomStringConvertible {
    let end: MachineEnd

    var description: String { "no template was made: \(end)" }
}
