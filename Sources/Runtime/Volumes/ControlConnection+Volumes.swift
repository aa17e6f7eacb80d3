import ControlProtocol
import LinuxSystem

extension ControlConnection {
    /// Shows the next volumes to a VM for a container that is run by this connection next; the rest are left.
    /// - Returns: the number that the answer bears: `.done`, or a refusal.
    func attach(_ volumes: inout ArraySlice<HostVolume>, to container: String) throws(RuntimeError) -> UInt32 {
        let some = volumes.prefix(AttachRequest.maxVolumes)
        volumes = volumes.dropFirst(some.count)
        let request = AttachRequest(
            container: container,
            volumes: some.map {
                AttachRequest.Volume(isReadOnly: $0.isReadOnly, isRecursive: $0.isRecursive, isConstant: $0.isConstant)
            })
        return try send(.attach(request), descriptors: some.map(\.descriptor))
    }
}
