import ControlProtocol
import FabricProtocol
public import LinuxSystem
import Logging
import Logs
import NIOCore
import Synchronization

/// Answers clients at a fabric's socket, one request a connection, each on a thread of its own; the socket's directory
/// is root's.
public final class FabricService: Sendable {
    /// Clients at a time; further ones wait in the socket's backlog.
    private static let maxClients = 64
    /// A client has so long for its request, in milliseconds.
    private static let patience: CInt = 10_000
    /// What is read at a time.
    private static let pieceBytes = 64 << 10

    private let socket: OwnedDescriptor
    /// So long the process stays without containers, in milliseconds.
    private let idleLimit: CInt
    private let fabric: Fabric
    private let changed: EventDescriptor
    private let clients = Mutex(0)

    /// - Parameters:
    ///   - socket: it listens.
    ///   - tenant: whose containers are served.
    ///   - walls: called once, while the process has one thread.
    ///   - idleMilliseconds: so long it stays without containers.
    public init(
        _ socket: OwnedDescriptor, tenant: String, walls: () throws -> Void, idleMilliseconds: CInt = 30_000
    ) throws {
        try walls()
        self.socket = socket
        idleLimit = idleMilliseconds
        let changed = try EventDescriptor()
        self.changed = changed
        fabric = Fabric(tenant: tenant) { changed.signal() }
        try socket.setNonBlocking()
    }

    /// Serves until nothing was to be served for a while.
    public func run() throws {
        // Clients that only ask how it is do not keep it.
        var end: Deadline?
        while true {
            end = fabric.isIdle ? end ?? Deadline(inMilliseconds: idleLimit) : nil
            // What it serves ends with the process.
            let mayEnd = clients.withLock { $0 } == 0
            if mayEnd, let end, end.remainingMilliseconds == 0 { return }
            let ready = try wait(
                for: [(socket, .readable), (changed.descriptor, .readable)],
                timeoutInMilliseconds: mayEnd ? end?.remainingMilliseconds ?? -1 : -1)
            if !ready[1].isEmpty { _ = changed.drain() }
            if !ready[0].isEmpty { try admit() }
        }
    }

    private func admit() throws {
        guard let connection = socket.accept() else { return }
        let isAdmitted = clients.withLock { count in
            guard count < Self.maxClients else { return false }
            count += 1
            return true
        }
        guard isAdmitted else { return }
        _ = try Thread(named: "client") { [self] in
            do { try serve(connection) } catch { Log.logger.warning("a client was not served: \(error)") }
            clients.withLock { $0 -= 1 }
            changed.signal()
        }
    }

    private func serve(_ connection: OwnedDescriptor) throws {
        guard let (frame, descriptors) = try Self.receive(connection) else { return }
        let reply: FabricReply =
            switch frame.content {
            case .describe: .description(fabric.description)
            case .attach(let attachment):
                if descriptors.count == FabricRequest.attachedDescriptors {
                    attach(attachment, descriptors)
                } else {
                    .refused("a container comes with \(FabricRequest.attachedDescriptors) descriptors")
                }
            }
        try connection.send(ControlFrame(request: frame.request, content: reply).bytes())
    }

    private func attach(_ attachment: FabricAttachment, _ descriptors: [OwnedDescriptor]) -> FabricReply {
        do {
            try fabric.attach(attachment, machine: descriptors[0], credentials: descriptors[1]).wait()
            return .attached
        } catch {
            let text = (error as? StoreFault)?.message ?? "\(error)"
            Log.logger.warning("\(attachment.container) is not served: \(text)")
            return .refused(text)
        }
    }

    /// The connection's request, and what came with it; nil where the client has gone.
    private static func receive(
        _ connection: OwnedDescriptor
    ) throws -> (ControlFrame<FabricRequest>, [OwnedDescriptor])? {
        let deadline = Deadline(inMilliseconds: patience)
        var decoder = ControlFrameDecoder<FabricRequest>()
        var passed: [OwnedDescriptor] = []
        while true {
            if let frame = try decoder.next() { return (frame, passed) }
            guard try connection.isReadable(by: deadline) else { return nil }
            let (bytes, descriptors) = try connection.receive(
                atMost: pieceBytes, descriptors: FabricRequest.attachedDescriptors)
            guard !bytes.isEmpty else { return nil }
            decoder.append(bytes)
            passed += descriptors.prefix(FabricRequest.attachedDescriptors - passed.count)
        }
    }
}
