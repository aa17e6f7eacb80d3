import ControlProtocol
import LinuxSystem
import SystemPackage

extension ControlConnection {
    /// Shows volumes to a VM for a container that is run by this connection next.
    ///
    /// - Throws: `.refused` with the VM's reason; `.system` with ECONNRESET where it ends before it answers.
    public func attach(_ volumes: VolumeSet, to container: String) throws(RuntimeError) {
        var rest = volumes.volumes[...]
        while !rest.isEmpty {
            let some = rest.prefix(AttachRequest.mostVolumes)
            rest = rest.dropFirst(some.count)
            let request = AttachRequest(
                container: container,
                volumes: some.map {
                    AttachRequest.Volume(
                        isReadOnly: $0.isReadOnly, isRecursive: $0.isRecursive, isConstant: $0.isConstant)
                })
            let number = try send(.attach(request), descriptors: some.map(\.descriptor))
            try awaitAttachment(number)
        }
    }

    private func awaitAttachment(_ number: UInt32) throws(RuntimeError) {
        while let frame = try receive() {
            guard frame.request == number else { continue }
            switch frame.content {
            case .done: return
            case .refused(let refusal): throw .refused(refusal)
            default: throw .conversation("the VM answered something else than whether it takes the volumes")
            }
        }
        throw .system(SystemError("attach volumes to a VM", .connectionReset))
    }
}
