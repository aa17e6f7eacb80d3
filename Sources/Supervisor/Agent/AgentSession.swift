import AgentProtocol
import LinuxSystem
import Virtio

/// The host's end of the agent's control connection. What comes from the guest is checked by `HostConversation`; a
/// guest that breaks the protocol loses its connection.
///
/// Protected by the device lock.
final class AgentSession {
    /// What the agent says by itself.
    protocol Listener: AnyObject {
        func agentSaidHello(_ hello: Hello)
        func processExited(_ exited: Exited)
        func containerRanOutOfMemory(_ event: OutOfMemory)
        func zoneChanged(_ event: ZoneChanged)
        func templateReached(_ event: TemplateReached)
        func agentIsLost(_ reason: String)
    }

    /// How long the agent may take to end a container, or wait for its zone, before the zone is given up, in
    /// milliseconds: generous, as many may come and go at once on a slow host.
    static let patienceInMilliseconds: UInt32 = 60_000
    /// An agent that leaves so many requests unanswered gets no more.
    private static let maxUnanswered = 4096

    private let loop: EventLoop
    weak var listener: (any Listener)?
    private var conversation = HostConversation()
    private var channel: SocketChannel?
    private var completions: [UInt32: (Result<Frame, AgentFailure>) -> Void] = [:]
    private(set) var isReady = false

    /// Waits at the agent's port for it to connect.
    init(vsock: VsockDevice, loop: EventLoop) {
        self.loop = loop
        vsock.listen(on: Limits.controlPort) { [weak self] _ in self?.accept() }
    }

    /// Asks the agent; `completion` is called once, with its answer or why there is none.
    func request<Content: Request>(
        _ content: Content, completion: @escaping (Result<Content.Reply, AgentFailure>) -> Void
    ) {
        guard let channel else { return completion(.failure(.lost("it has not connected"))) }
        guard completions.count < Self.maxUnanswered else { return completion(.failure(.timeout)) }
        do {
            let (number, bytes) = try conversation.begin(content)
            completions[number] = { result in completion(result.flatMap(Self.reply)) }
            channel.send(bytes)
        } catch {
            completion(.failure(.malformed(error)))
        }
    }

    private static func reply<Reply: Message>(_ frame: Frame) -> Result<Reply, AgentFailure> {
        do { return .success(try frame.message()) } catch { return .failure(.lost("\(error)")) }
    }

    /// The guest's end. One connection at a time: a second one, from any process of the guest, is refused.
    func accept() -> OwnedDescriptor? {
        guard channel == nil, let (mine, guests) = try? UnixSocket.pair() else { return nil }
        conversation = HostConversation()
        channel = try? SocketChannel(mine, on: loop) { [weak self] bytes, _ in
            self?.receive(bytes)
        } onClose: { [weak self] in
            self?.lose("it closed its connection")
        }
        return channel == nil ? nil : guests
    }

    private func receive(_ bytes: [UInt8]) {
        conversation.receive(bytes[...])
        do {
            while let incoming = try conversation.next() { handle(incoming) }
        } catch {
            lose("\(error)")
        }
    }

    private func handle(_ incoming: HostConversation.Incoming) {
        switch incoming {
        case .hello(let hello):
            isReady = true
            listener?.agentSaidHello(hello)
        case .reply(let request, let frame): completions.removeValue(forKey: request)?(.success(frame))
        case .failure(let request, let failure):
            completions.removeValue(forKey: request)?(.failure(.refused(failure)))
        case .exited(let exited): listener?.processExited(exited)
        case .outOfMemory(let event): listener?.containerRanOutOfMemory(event)
        case .zoneChanged(let event): listener?.zoneChanged(event)
        case .templateReached(let event): listener?.templateReached(event)
        }
    }

    private func lose(_ reason: String) {
        guard let lost = channel else { return }
        channel = nil
        isReady = false
        lost.close()
        let waiting = completions
        completions = [:]
        for completion in waiting.values { completion(.failure(.lost(reason))) }
        listener?.agentIsLost(reason)
    }
}
