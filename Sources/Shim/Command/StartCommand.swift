import SystemPackage
import FoundationEssentials
import Glibc
import LinuxSystem
import OCI
import Runtime

/// `start`: finds the daemon that is to serve the bundle of the current directory, or starts it, and prints its address.
struct StartCommand {
    /// A daemon that takes no connection for so long is none.
    private static let connectInMilliseconds: CInt = 2_000

    let invocation: Invocation
    let host: ShimDirectories

    func run() throws {
        let bundle = Bundle(CurrentProcess.workingDirectory.string)
        let address = try address(for: bundle)
        try bundle.write(address: address)
        try StandardStream.output.descriptor.write(all: Array(address.utf8))
    }

    private func address(for bundle: Bundle) throws -> String {
        let spec = try bundle.specification()
        let membership = try Membership(
            id: invocation.id, annotations: spec.annotations ?? [:], namespace: invocation.namespace)
        // A pod's containers are where its sandbox is, whatever their own annotations say.
        if case .member(let sandbox) = membership.role, let address = Bundle("\(bundle.path)/../\(sandbox)").address(),
            address.hasPrefix("unix://"),
            (try? UnixSocket.connect(
                to: String(address.dropFirst(7)), sendingWithinMilliseconds: Self.connectInMilliseconds)) != nil
        {
            return address
        }
        let group = ShimGroup(membership, invocation, root: host.root)
        let lock = try group.lock()
        defer { withExtendedLifetime(lock) {} }
        // Winds up the daemon's idle clock: it will not end before containerd connects.
        try group.noteStart(in: lock)
        if !group.isServed() { try launch(group, bundle) }
        return group.address
    }

    private func launch(_ group: ShimGroup, _ bundle: Bundle) throws {
        let socket = try group.listen()
        let null = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
        // containerd reads this fifo; without a reader it is not written to.
        let log = (try? OwnedDescriptor(opening: "\(bundle.path)/log", flags: O_WRONLY | O_NONBLOCK)) ?? null
        let program = CurrentProcess.executablePath
        var arguments = [
            program, "-namespace", invocation.namespace, "-address", invocation.address, "-id", invocation.id,
            "-group", group.name, "-socket-descriptor", "\(socket.rawValue)",
        ]
        if invocation.isDebugging { arguments.append("-debug") }
        var process = ProcessLaunch(
            program, arguments: arguments + ["daemon"],
            environment: ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" }, input: null, output: log,
            error: log)
        process.kept = [socket]
        process.isDetached = true
        do { _ = try process.start() } catch {
            group.removeSocket()
            throw error
        }
    }
}
