import ControlProtocol
import OCI
import Runtime
import TTRPC

/// A VM that a container, or a pod, is in.
struct Home: Sendable {
    let key: FunctionKey
    let machine: VirtualMachineDirectory
    let processID: Int32
    /// The one that it has mapped.
    let image: StoredImage

    /// - Throws: where the VM has no process any more.
    init(key: FunctionKey, machine: VirtualMachineDirectory, image: StoredImage) throws {
        guard let processID = try machine.processID() else {
            throw RuntimeError.virtualMachineEnded(id: machine.id, lastWords: machine.lastWords())
        }
        self.key = key
        self.machine = machine
        self.processID = processID
        self.image = image
    }
}

extension Home {
    /// Why something did not begin, by what the VM answered instead; nil: its connection has ended.
    func failure(_ answer: ControlReply?) -> any Error {
        switch answer {
        case .refused(let refusal)?: RuntimeError.refused(refusal)
        case .exited(let record)?:
            Status(
                .failedPrecondition,
                "the container has ended meanwhile" + (record.cause.isEmpty ? "" : ": \(record.cause)"))
        case nil: RuntimeError.virtualMachineEnded(id: machine.id, lastWords: machine.lastWords())
        default: RuntimeError.conversation("the VM \(machine.id) answered something else than what it was asked")
        }
    }
}
