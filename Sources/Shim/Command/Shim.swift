import ContainerdAPI
import Dispatch
import Glibc
import LinuxSystem
import Runtime
import SwiftProtobuf
import Synchronization

/// What `containerd-shim-czone-v2` does, by its command line.
public enum Shim {
    public static let runtimeName = "io.containerd.czone.v2"
    static let version = "0.1.0"

    public static func run(_ invocation: Invocation) throws {
        switch invocation.action {
        case .version: try print("containerd-shim-czone-v2: \(version)\n")
        case .info:
            var info = Containerd_Types_RuntimeInfo()
            info.name = runtimeName
            info.version.version = version
            try StandardStream.output.descriptor.write(all: info.serializedBytes())
        case .start: try StartCommand(invocation: invocation, host: ShimDirectories()).run()
        case .delete: try DeleteCommand(invocation: invocation, host: ShimDirectories()).run()
        // Until the daemon closes the other end, or ends.
        case .hold: while try !StandardStream.input.descriptor.read(atMost: 64).isEmpty {}
        case .daemon:
            let daemon = try Daemon(invocation, host: ShimDirectories())
            try wait { try await daemon.run() }
        }
    }

    /// Does work in other threads, and lets the main thread wait for its end.
    ///
    /// An asynchronous `main` would end the main thread instead, by pthread_exit(3). That unwinds its stack, for which the
    /// unwinder of a statically linked program first sorts the tables of all its functions: 320 million instructions,
    /// sixty times what all of `start` takes.
    private static func wait(for work: @escaping @Sendable () async throws -> Void) throws {
        let ended = DispatchSemaphore(value: 0)
        let failure = FailureOfWork()
        Task.detached {
            do { try await work() } catch { failure.value.withLock { $0 = error } }
            ended.signal()
        }
        ended.wait()
        if let error = failure.value.withLock({ $0 }) { throw error }
    }

    private final class FailureOfWork: Sendable {
        let value = Mutex<(any Error)?>(nil)
    }

    private static func print(_ text: String) throws {
        try StandardStream.output.descriptor.write(all: Array(text.utf8))
    }
}
