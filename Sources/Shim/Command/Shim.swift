import ContainerdAPI
import Glibc
import LinuxSystem
import Runtime
import SwiftProtobuf

/// What `containerd-shim-czone-v2` does, by its command line.
public enum Shim {
    public static let runtimeName = "io.containerd.czone.v2"
    static let version = "0.1.0"

    public static func run(_ invocation: Invocation) async throws {
        switch invocation.action {
        case .version: try print("containerd-shim-czone-v2: \(version)\n")
        case .info:
            var info = Containerd_Types_RuntimeInfo()
            info.name = runtimeName
            info.version.version = version
            try StandardStream.output.descriptor.write(all: info.serializedBytes())
        case .start: try StartCommand(invocation: invocation, host: HostFolders()).run()
        case .delete: try DeleteCommand(invocation: invocation, host: HostFolders()).run()
        case .daemon: try await Daemon(invocation, host: HostFolders()).run()
        }
    }

    private static func print(_ text: String) throws {
        try StandardStream.output.descriptor.write(all: Array(text.utf8))
    }
}
