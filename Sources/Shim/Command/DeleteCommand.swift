import ContainerdAPI
import ControlProtocol
import LinuxSystem
import Runtime
import SwiftProtobuf
import Logging
import Logs

/// `delete`: cleans up after a container, whatever became of its daemon. containerd calls it after every normal end too,
/// when there is nothing left to do, and allows 5 seconds.
struct DeleteCommand {
    /// How long the container's VM has, of containerd's 5 s.
    private static let answerInMilliseconds: CInt = 4_000

    let invocation: Invocation
    let host: ShimDirectories

    func run() throws {
        let registry = try host.registry()
        let id = ShimDirectories.registryID(invocation.id, namespace: invocation.namespace)
        var code: UInt32 = 137
        var time = currentTimeInNanoseconds()
        if let directory = try? registry.container(matching: id), directory.id == id {
            // Killed, its zone unplugged; nothing was ever mounted for it.
            if try directory.isAlive() {
                try remove(directory, id, registry)
            } else {
                if let exit = try directory.exitRecord() { (code, time) = (UInt32(exit.code), exit.time) }
                try directory.remove()
            }
        }
        // What fails of them has been said; the container is gone all the same.
        try? ContainerHooks.runOwed(Bundle(invocation.bundle), id: invocation.id)
        try printResponse(code, time)
    }

    /// A VM that does not answer in time still ends the container: its daemon's connection has ended. What is then left
    /// in the registry goes with the next clean-up.
    private func remove(_ directory: ContainerDirectory, _ id: String, _ registry: Registry) throws {
        do {
            let (machine, id) = try registry.runningContainer(id)
            _ = try machine.ask(.remove(container: id), withinMilliseconds: Self.answerInMilliseconds)
        } catch {
            guard case RuntimeError.silent = error else {
                // It has ended meanwhile, or its VM has.
                return try registry.removeContainer(id, force: true)
            }
            Log.logger.warning("\(error)")
            return
        }
        try directory.remove()
    }

    private func printResponse(_ code: UInt32, _ time: UInt64) throws {
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
