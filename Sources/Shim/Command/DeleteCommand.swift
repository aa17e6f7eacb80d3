import ContainerdAPI
import ControlProtocol
import LinuxSystem
import Runtime
import SwiftProtobuf

/// `delete`: cleans up after a container, whatever became of its daemon. containerd calls it after every normal end too,
/// when there is nothing left to do, and allows 5 seconds.
struct DeleteCommand {
    let invocation: Invocation
    let host: HostFolders

    func run() throws {
        let registry = try host.registry()
        let id = HostFolders.registryID(invocation.id, namespace: invocation.namespace)
        var code: UInt32 = 137
        var time = currentTimeInNanoseconds()
        if let folder = try? registry.container(matching: id), folder.id == id {
            // Killed, its zone unplugged; nothing was ever mounted for it.
            if try folder.isAlive() {
                try registry.removeContainer(id, force: true)
            } else {
                if let exit = try folder.exitRecord() { (code, time) = (UInt32(exit.code), exit.time) }
                try folder.remove()
            }
        }
        var response = Containerd_Task_V2_DeleteResponse()
        response.exitStatus = code
        response.exitedAt = Google_Protobuf_Timestamp(nanoseconds: time)
        try StandardStream.output.descriptor.write(all: response.serializedBytes())
    }
}

extension Google_Protobuf_Timestamp {
    /// Since 1970 UTC.
    init(nanoseconds: UInt64) {
        self.init(seconds: Int64(nanoseconds / 1_000_000_000), nanos: Int32(nanoseconds % 1_000_000_000))
    }
}
