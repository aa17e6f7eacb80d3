import ControlProtocol
import Glibc
import LinuxSystem
import Machine

/// The two files of a template: the machine's state, and its base memory. Opened before the guest runs.
struct TemplateFiles {
    private let state: OwnedDescriptor
    private let memory: OwnedDescriptor
    private let identity: String
    /// What became of its process template, for who looks at the store (`ProcessTemplateReport`).
    private let reportPath: String
    private let requestPath: String
    private static let workingSetName = "working-set"

    /// Makes the files, empty, in a folder that has none.
    init(making template: MachineArguments.Template) throws(SystemError) {
        let folder = template.directory
        state = try OwnedDescriptor(opening: "\(folder)/state", flags: O_RDWR | O_CREAT | O_EXCL)
        memory = try OwnedDescriptor(opening: "\(folder)/memory", flags: O_RDWR | O_CREAT | O_EXCL)
        identity = template.identity
        requestPath = "\(folder)/\(ProcessTemplateRequest.fileName)"
        reportPath = "\(folder)/\(ProcessTemplateReport.fileName)"
    }

    /// The process template that the saved VM is to have, where the directory says so.
    func processTemplate() throws -> ProcessTemplateRequest? {
        let bytes = try FileSystem.contents(of: requestPath, atMost: ProcessTemplateRequest.maxBytes)
        return try bytes.map { try ProcessTemplateRequest(bytes: $0) }
    }

    /// Saves a machine that stands still; nobody writes the files afterwards.
    ///
    /// - Parameters:
    ///   - supervisor: what its supervisor wants to know of it when it is restored.
    ///   - report: of its process template; nil: it was to have none.
    func save(_ machine: Machine, supervisor: [UInt8], report: ProcessTemplateReport?) throws {
        try machine.save(state: state, memory: memory, identity: identity, attachment: supervisor)
        if let report { try FileSystem.replace(reportPath, with: report.bytes) }
        try state.setMode(0o444)
        try memory.setMode(0o444)
    }

    /// A template to restore a machine from.
    static func snapshot(_ template: MachineArguments.Template) throws(MachineError) -> Snapshot {
        let folder = template.directory
        do {
            let workingSet = "\(folder)/\(workingSetName)"
            return Snapshot(
                state: try OwnedDescriptor(opening: "\(folder)/state", flags: O_RDONLY),
                memory: try OwnedDescriptor(opening: "\(folder)/memory", flags: O_RDONLY), identity: template.identity,
                // Not there yet for the VM that records it.
                workingSet: try FileSystem.status(workingSet) == nil
                    ? nil : try OwnedDescriptor(opening: workingSet, flags: O_RDONLY))
        } catch { throw .snapshot(.other("\(error)")) }
    }
}

/// A VM that was to become a template, or to record a working set, and ended before it could.
struct NoTemplate: Error, CustomStringConvertible {
    let end: MachineEnd

    var description: String { "no template was made: \(end)" }
}
