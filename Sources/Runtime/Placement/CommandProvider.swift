import AgentProtocol
import ControlProtocol
import Glibc
import LinuxSystem
import Logs
import OCI
import SystemPackage

/// Starts `czone template provide` in the background.
public struct CommandProvider: Provider {
    /// Of the registry that the VMs are entered in.
    let root: String

    /// Choices that the other command must have too.
    static let variables = [
        "PATH", "CZONE_CONFIG", "CZONE_KERNEL", "CZONE_INITRAMFS", "CZONE_VM", "CZONE_TRANSFER", Log.formatVariable,
    ]

    public func provide(_ order: Placement.MachineOrder, behind machine: VirtualMachineDirectory) throws(RuntimeError) {
        let command: String
        do { command = try Artefacts().command().string } catch { throw .invalid(error.description) }
        var arguments = [
            command, "template", "provide", "--root", root, "--store", order.store.root.removingLastComponent().string,
            "--function", order.key.function, "--tenant", order.key.tenant, "--zone-size",
            "\(order.key.zoneSizeInBytes)",
            "--image-name", order.imageName, "--behind", machine.id, order.image.digest.description,
        ]
        if order.key.isAlone { arguments.append("--one-per-vm") }
        if order.process != nil { arguments.append("--warm-start") }
        let input = try Self.input(of: order)
        // A user's credentials for the registry of templates are below HOME.
        let settings = Configuration.Setting.allCases.map(\.variable) + Self.variables + ["HOME", "DOCKER_CONFIG"]
        let environment = settings.compactMap { name in CurrentProcess.environment(name).map { "\(name)=\($0)" } }
        try system { () throws(SystemError) in
            let nothing = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
            var process = ProcessLaunch(
                command, arguments: arguments, environment: environment, input: input ?? nothing, output: nothing,
                error: nothing)
            process.isDetached = true
            try process.start().reapAtItsEnd()
        }
    }

    /// A file with the order's process template, for the command's standard input; nil: it has none.
    private static func input(of order: Placement.MachineOrder) throws(RuntimeError) -> OwnedDescriptor? {
        guard let process = order.process else { return nil }
        let bytes: [UInt8]
        do throws(ProtocolError) { bytes = try process.bytes() } catch { throw .invalid("\(error)") }
        return try system { () throws(SystemError) in
            let file = try MemoryFile.growing(name: "process-template")
            try file.write(all: bytes)
            return file
        }
    }
}
