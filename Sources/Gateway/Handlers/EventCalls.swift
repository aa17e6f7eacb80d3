import FabricPolicies
import NIOCore
import SandboxProtocol

/// The external calls of one event: made, or answered from its journal. On the event's event loop.
final class EventCalls {
    /// Of an event.
    static let maxCalls = 64
    static let maxAtOnce = 16
    /// Those that fail count too: who asks on and on is left.
    private static let maxAsked = 1000

    private let client: OriginClient
    private let allowed: [FabricPolicy.Endpoint]
    private let eventLoop: any NIOCore.EventLoop
    /// Lines for the function's log.
    private let log: (String) -> Void
    private(set) var journal = CallJournal()
    private var made = 0
    private var inFlight = 0
    private var queue = CircularBuffer<(call: ExternalCall, deliver: (Int, ExternalAnswer) -> Void)>()
    /// Called when no call is on its way any more.
    private var onIdle: (() -> Void)?
    private var isAbandoned = false
    /// Nothing is made: what is not in the journal is a difference.
    private let isComparing: Bool
    private(set) var differences = 0

    /// - Parameter journal: what an event that is over has done: it is compared with that, and nothing is made.
    init(
        _ client: OriginClient, allowed: [FabricPolicy.Endpoint], on eventLoop: any NIOCore.EventLoop,
        comparing journal: CallJournal? = nil, log: @escaping (String) -> Void
    ) {
        isComparing = journal != nil
        if let journal { self.journal = journal }
        self.client = client
        self.allowed = allowed
        self.eventLoop = eventLoop
        self.log = log
    }

    /// Makes a call, or has it answered from the journal.
    ///
    /// - Parameter deliver: gets answers with their calls' numbers, those of other calls too.
    /// - Throws: where it asks more than any event may, and goes on asking.
    func take(_ call: ExternalCall, deliver: @escaping (Int, ExternalAnswer) -> Void) throws(FrameError) {
        guard made < Self.maxAsked else { throw FrameError("\(made) calls", expected: "at most \(Self.maxCalls)") }
        let verdict = journal.take(call)
        if isComparing, verdict != .replayed {
            differences += 1
            deliver(call.number, .failed)
        }
        switch verdict {
        case _ where isComparing: break
        case .make: make(call, deliver)
        case .differs(let expected):
            log(
                "the container asks \(call.method) \(call.url) as its call \(call.number), where the sandbox has asked "
                    + "\(expected.method) \(expected.url): from here on calls are made again")
            make(call, deliver)
        case .replayed: break
        }
        for (number, answer) in journal.ready() { deliver(number, answer) }
    }

    /// The event goes on elsewhere.
    func beginReplay() { journal.beginReplay() }

    /// Does something when no call is on its way; those that wait for their turn are dropped, as nobody asks for them any more.
    func whenIdle(_ body: @escaping () -> Void) {
        made -= queue.count
        queue.removeAll()
        if inFlight == 0 { body() } else { onIdle = body }
    }

    /// Nobody waits for the event: what it asks from now on fails.
    func abandon() {
        isAbandoned = true
        let dropped = queue
        queue.removeAll()
        for (call, deliver) in dropped { deliver(call.number, .failed) }
    }

    private func make(_ call: ExternalCall, _ deliver: @escaping (Int, ExternalAnswer) -> Void) {
        made += 1
        guard !isAbandoned, made <= Self.maxCalls else {
            if made == Self.maxCalls + 1 { log("an event makes more than \(Self.maxCalls) external calls") }
            return deliver(call.number, .failed)
        }
        guard inFlight < Self.maxAtOnce else { return queue.append((call, deliver)) }
        begin(call, deliver)
    }

    private func begin(_ call: ExternalCall, _ deliver: @escaping (Int, ExternalAnswer) -> Void) {
        journal.note(call)
        guard call.isSendable, let (origin, path) = OriginClient.target(of: call.url), allowed.contains(origin) else {
            log("\(call.method) \(call.url.prefix(256)) is not made: the function's `fetch` does not name its origin")
            return finish(call, .failed, deliver)
        }
        inFlight += 1
        CallExchange(client, call, to: origin, path, on: eventLoop) { [self] answer, failure in
            inFlight -= 1
            if let failure { log("\(call.method) \(call.url.prefix(256)) has failed: \(failure)") }
            finish(call, answer, deliver)
        }.begin()
    }

    private func finish(
        _ call: ExternalCall, _ answer: ExternalAnswer, _ deliver: @escaping (Int, ExternalAnswer) -> Void
    ) {
        journal.note(answer, to: call.number)
        if let onIdle {
            guard inFlight == 0 else { return }
            self.onIdle = nil
            return onIdle()
        }
        deliver(call.number, answer)
        while inFlight < Self.maxAtOnce, let next = queue.popFirst() { begin(next.call, next.deliver) }
    }
}
