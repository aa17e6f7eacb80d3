import AgentProtocol
import ControlProtocol
import LinuxSystem
import Virtio

/// The host's end of the agent's control connection. What comes from the guest is checked by `HostConversation`; a
/// guest that breaks the protocol loses its connection.
///
/// Each request has its deadline (`BoundedRequest`). Beside these, an agent that says nothing at all for
/// `maxSilence` after it was asked something, though in the midst of it it is asked for what it can answer at once, is
/// reported as silent; so is one that does not connect and greet within `maxBoot`. Protected by the device lock.
final class AgentSession {
    /// What the agent says by itself.
    protocol Listener: AnyObject {
        func agentSaidHello(_ hello: Hello)
        func processExited(_ exited: Exited)
        func containerRanOutOfMemory(_ event: OutOfMemory)
        func zoneChanged(_ event: ZoneChanged)
        func templateReached(_ event: TemplateReached)
        func memoryIsWanted(_ event: MemoryWanted)
        func memoryIsReturned(_ event: MemoryReturned)
        func agentIsLost(_ reason: String)
        /// It is connected, or should be, and says nothing.
        func agentIsSilent(_ reason: String)
    }

    /// How long the agent itself tries to end a container, or waits for its zone, before it says that it cannot:
    /// generous, as many may come and go at once on a slow host.
    static let agentTimeoutInMilliseconds: UInt32 = 60_000
    /// How long a guest may take until its agent has greeted, and an agent say nothing after a request, in seconds.
    static let maxBoot: UInt64 = 300
    static let maxSilence: UInt64 = 120
    /// An agent that leaves so many requests unanswered gets no more.
    private static let maxUnanswered = 4096
    /// So much may wait for an agent that does not read; what would be more is refused.
    private static let maxUnsentBytes = 4 * Limits.requestPayload

    private let loop: EventLoop
    private let deadlines: Deadlines
    private let journal: EventJournal
    weak var listener: (any Listener)?
    private var conversation = HostConversation()
    private var channel: SocketChannel?
    /// Requests that are neither answered nor late.
    private var pending: [UInt32: Pending] = [:]
    /// Passes when the agent is to be taken for silent; nil while it owes nothing that it was asked after it last spoke.
    private var silence: Deadlines.Token?
    private(set) var isReady = false

    /// Waits at the agent's port for it to connect.
    init(vsock: VsockDevice, loop: EventLoop, _ deadlines: Deadlines, _ journal: EventJournal) {
        self.journal = journal
        self.loop = loop
        self.deadlines = deadlines
        silence = deadlines.after(seconds: Self.maxBoot) { [unowned self] in
            listener?.agentIsSilent("the guest's agent has not come within \(Self.maxBoot) s")
        }
        vsock.listen(on: Limits.controlPort) { [weak self] _ in self?.accept() }
    }

    private struct Pending {
        let complete: (Result<Frame, AgentFailure>) -> Void
        let deadline: Deadlines.Token
    }

    /// Asks the agent; `completion` is called once, with its answer or why there is none, at the latest when the
    /// request's deadline has passed.
    func request<Content: BoundedRequest>(
        _ content: Content, completion: @escaping (Result<Content.Reply, AgentFailure>) -> Void
    ) {
        guard let channel else { return completion(.failure(.lost("it has not connected"))) }
        // Late ones count: their answers may still come.
        guard conversation.outstandingCount < Self.maxUnanswered else {
            return completion(.failure(.overloaded(unanswered: conversation.outstandingCount)))
        }
        do {
            let (number, bytes) = try conversation.begin(content)
            guard channel.hasRoom(for: bytes.count) else {
                conversation.abandon(number)
                return completion(.failure(.overloaded(unanswered: conversation.outstandingCount)))
            }
            let deadline = deadlines.after(seconds: Content.deadline) { [unowned self] in
                pending.removeValue(forKey: number)?.complete(.failure(.timeout(seconds: Content.deadline)))
            }
            pending[number] = Pending(complete: { completion($0.flatMap(Self.reply)) }, deadline: deadline)
            watchSilence()
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
        channel = try? SocketChannel(mine, on: loop, maxUnsentBytes: Self.maxUnsentBytes) { [weak self] bytes, _ in
            self?.receive(bytes)
        } onClose: { [weak self] in
            self?.lose("it closed its connection")
        }
        return channel == nil ? nil : guests
    }

    /// The agent owes an answer from now on, if it does not yet. In the midst of the time it is asked for what it can
    /// always answer at once: of one that is merely at long work, something is heard.
    private func watchSilence() {
        guard silence == nil else { return }
        silence = deadlines.after(seconds: Self.maxSilence / 2) { [unowned self] in
            request(MeasureNodes()) { _ in }
            silence = deadlines.after(seconds: Self.maxSilence / 2) { [unowned self] in
                listener?.agentIsSilent("the guest's agent has answered nothing for \(Self.maxSilence) s")
            }
        }
    }

    private func endSilence() {
        if let token = silence { deadlines.cancel(token) }
        silence = nil
    }

    private func finish(_ request: UInt32, _ result: Result<Frame, AgentFailure>) {
        guard let request = pending.removeValue(forKey: request) else { return }
        deadlines.cancel(request.deadline)
        request.complete(result)
    }

    private func receive(_ bytes: [UInt8]) {
        conversation.receive(bytes[...])
        do {
            while let incoming = try conversation.next() { handle(incoming) }
        } catch {
            journal.note(.violation(.agent), "the agent broke its protocol: \(error)")
            lose("\(error)")
        }
    }

    private func handle(_ incoming: HostConversation.Incoming) {
        endSilence()
        switch incoming {
        case .hello(let hello):
            isReady = true
            listener?.agentSaidHello(hello)
        case .reply(let request, let frame): finish(request, .success(frame))
        case .failure(let request, let failure): finish(request, .failure(.refused(failure)))
        case .exited(let exited): listener?.processExited(exited)
        case .outOfMemory(let event): listener?.containerRanOutOfMemory(event)
        case .zoneChanged(let event): listener?.zoneChanged(event)
        case .templateReached(let event): listener?.templateReached(event)
        case .memoryWanted(let event): listener?.memoryIsWanted(event)
        case .memoryReturned(let event): listener?.memoryIsReturned(event)
        }
    }

    private func lose(_ reason: String) {
        guard let lost = channel else { return }
        channel = nil
        isReady = false
        lost.close()
        endSilence()
        for request in pending.keys.sorted() { finish(request, .failure(.lost(reason))) }
        listener?.agentIsLost(reason)
    }
}
