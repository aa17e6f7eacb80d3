import ControlProtocol
import Glibc
import LinuxSystem
import Machine

/// The two files of a template: the machine's state, and its base memory. Opened before the guest runs.
struct TemplateFiles {
    private let state: OwnedDescriptor
    private let memory: OwnedDescriptor
    private let identity: String
    private static let workingSetName = "working-set"

    /// Makes the files, empty, in a folder that has none.
    init(making template: MachineArguments.Template) throws(SystemError) {
        let folder = template.directory
        state = try OwnedDescriptor(opening: "\(folder)/state", flags: O_RDWR | O_CREAT | O_EXCL)
        memory = try OwnedDescriptor(opening: "\(folder)/memory", flags: O_RDWR | O_CREAT | O_EXCL)
        identity = template.identity
    }

    /// Saves a machine that stands still; nobody writes the files afterwards.
    func save(_ machine: Machine) throws {
        try machine.save(state: state, memory: memory, identity: identity)
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
