import AgentProtocol
import ControlProtocol
public import FabricProtocol
import LinuxSystem
import SystemPackage

/// Asks tenants' fabrics. Its calls block, within limits.
public struct FabricClient: Sendable {
    /// A fabric's answer takes its VM's, in milliseconds.
    private static let patience: CInt = 45_000
    /// One that is just ending may take a connection and not answer.
    private static let maxTries = 3

    private let registry: Registry

    public init(_ registry: Registry) { self.registry = registry }

    /// Has the fabric of a container's tenant serve it, and starts that where it does not live. Answered when the container
    /// can connect: before its program begins.
    ///
    /// - Parameters:
    ///   - container: its id.
    ///   - machine: the VM in which it was made.
    ///   - access: the policy that it gets.
    ///   - tenant: whose it is.
    ///   - configuration: whose users and jail a fabric that is started gets.
    public func attach(
        _ container: String, in machine: VirtualMachineDirectory, _ access: FabricAccess, tenant: String,
        _ configuration: Configuration
    ) throws(RuntimeError) {
        let launch: FabricLaunch
        do {
            launch = FabricLaunch(
                registry: registry, configuration: configuration, program: try Artefacts().fabric())
        } catch { throw .invalid(error.description) }
        let request = FabricRequest.attach(
            FabricAttachment(container: container, policy: access.policy.name, text: access.policy.text))
        let fabric = FabricDirectory(of: tenant, in: registry)
        for _ in 0..<Self.maxTries {
            try launch.start(fabric)
            // Each try's own: a fabric that is given it may go on using it.
            guard let control = try machine.connect() else {
                throw .virtualMachineEnded(id: machine.id, lastWords: machine.lastWords())
            }
            switch try ask(fabric, request, [control.socket, access.credentials]) {
            case .attached: return
            case .refused(let text): throw .invalid("the fabric does not serve \(container): \(text)")
            case .description, .policy:
                throw .conversation("the fabric of \(tenant) answered something else than was asked")
            case nil: continue
            }
        }
        throw .invalid("the fabric of \(tenant) ends before it answers; its log is \(fabric.logPath)")
    }

    /// What a living fabric has done; nil where it has just ended.
    public func describe(_ fabric: FabricDirectory) throws(RuntimeError) -> FabricDescription? {
        guard case .description(let description)? = try ask(fabric, .describe, []) else { return nil }
        return description
    }

    /// Nil where nobody is there, or it ended without an answer.
    private func ask(
        _ fabric: FabricDirectory, _ request: FabricRequest, _ descriptors: [OwnedDescriptor]
    ) throws(RuntimeError) -> FabricReply? {
        let bytes: [UInt8]
        do { bytes = try ControlFrame(request: 1, content: request).bytes() } catch {
            throw .invalid("cannot ask the fabric: \(error)")
        }
        do throws(SystemError) {
            let socket = try UnixSocket.connect(
                to: fabric.socketPath, sendingWithinMilliseconds: ControlTimeouts.standard.sending)
            try socket.send(bytes, descriptors: descriptors)
            let deadline = Deadline(inMilliseconds: Self.patience)
            var decoder = ControlFrameDecoder<FabricReply>()
            while true {
                guard try socket.isReadable(by: deadline) else {
                    throw SystemError("ask the fabric of \(fabric.tenant) within \(Self.patience / 1000) s", .timedOut)
                }
                let piece = try socket.read(atMost: 64 << 10)
                guard !piece.isEmpty else { return nil }
                decoder.append(piece)
                if let frame = Self.next(&decoder) { return frame.content }
            }
        } catch {
            if error.isEndOfPeer || error.errno == .noSuchFileOrDirectory { return nil }
            throw .system(error)
        }
    }

    private static func next(_ decoder: inout ControlFrameDecoder<FabricReply>) -> ControlFrame<FabricReply>? {
        do { return try decoder.next() } catch {
            return ControlFrame(request: 1, content: .refused("its answer makes no sense: \(error)"))
        }
    }
}
