import ControlProtocol

extension Placement.Placed {
    /// Waits until the VM has made a container that is not to run yet, within the limits of its connection.
    /// - Throws: `.refused` where it has not.
    public func awaitCreation() throws(RuntimeError) {
        while let frame = try connection.receive() {
            guard frame.request == request else { continue }
            switch frame.content {
            case .done: return
            case .refused(let refusal): throw .refused(refusal)
            case .exited(let record): throw .refused(Refusal(.failed, record.reason))
            default: continue
            }
        }
        throw .virtualMachineEnded(id: machine.id, lastWords: machine.lastWords())
    }
}
