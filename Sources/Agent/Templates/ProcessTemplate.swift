/// A container whose first process has stopped at its point, for others to become copies of.
final class ProcessTemplate {
    let container: ContainerNumber
    /// /dev/process-template, bound to the process.
    let device: Descriptor
    let threads: UInt32
    /// In the container's root.
    let executable: String
    let workingDirectory: CString
    /// umask(2).
    let modeMask: UInt32
    /// In the order in which they are made.
    let descriptors: [DescriptorRecipe]
    let mappings: [SharedMapping]

    init(
        container: ContainerNumber, device: Descriptor, threads: UInt32, executable: String, workingDirectory: CString,
        modeMask: UInt32, descriptors: [DescriptorRecipe], mappings: [SharedMapping]
    ) {
        self.container = container
        self.device = device
        self.threads = threads
        self.executable = executable
        self.workingDirectory = workingDirectory
        self.modeMask = modeMask
        self.descriptors = descriptors
        self.mappings = mappings
    }

    /// What the agent holds of a copy's: to be kept open until it is made.
    var ownDescriptors: [Int32] {
        var held = [device.rawValue]
        for mapping in mappings {
            if case .memory(let file, _, _) = mapping.file { held.append(file.rawValue) }
        }
        return held.sorted()
    }
}

extension AgentDirectory {
    /// Where the writable layer of a template is mounted for its copies.
    static func template(_ number: ContainerNumber) -> String { "\(state)/templates/\(number.rawValue)" }
}
