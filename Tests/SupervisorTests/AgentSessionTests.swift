import AgentProtocol
import ControlProtocol
import LinuxSystem
import Testing
import Virtio

@testable import Supervisor

/// Keeps what the agent says by itself.
private final class Listener: AgentSession.Listener {
    var hellos = 0
    var exits: [Exited] = []
    var outOfMemory: [OutOfMemory] = []
    var zones: [ZoneChanged] = []
    var lost: [String] = []

    func agentSaidHello(_ hello: Hello) { hellos += 1 }
    func processExited(_ exited: Exited) { exits.append(exited) }
    func containerRanOutOfMemory(_ event: OutOfMemory) { outOfMemory.append(event) }
    func templateReached(_ event: TemplateReached) {}
    func zoneChanged(_ event: ZoneChanged) { zones.append(event) }
    func agentIsLost(_ reason: String) { lost.append(reason) }
}

/// The host's end of an agent's connection, and the guest's, which the test has.
private final class Bench {
    let listener = Listener()
    let loop: EventLoop
    let vsock: VsockDevice
    let session: AgentSession
    let guest: OwnedDescriptor
    var answers: [String] = []

    init() throws {
        loop = try EventLoop()
        vsock = VsockDevice(loop: loop)
        session = AgentSession(vsock: vsock, loop: loop)
        session.listener = listener
        guest = try #require(session.accept())
        try say(Hello(isSetUp: false))
        #expect(listener.hellos == 1 && session.isReady)
    }

    /// The guest sends bytes, and the host takes all of them.
    func say(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        repeat {
            let piece = rest.prefix(64 << 10)
            rest = rest.dropFirst(piece.count)
            // A host that does not listen any more is what some tests want.
            try? guest.send(Array(piece))
            while try loop.runOnce(timeoutInMilliseconds: 0) > 0 {}
        } while !rest.isEmpty
    }

    func say(_ message: some Message, to request: UInt32 = 0) throws {
        try say(try Frame.bytes(of: message, request: request))
    }

    func ask(_ request: some Request, _ name: String) {
        session.request(request) { [self] result in
            switch result {
            case .success: answers.append("\(name): done")
            case .failure(let failure): answers.append("\(name): \(failure)")
            }
        }
    }
}

private let exit = Exited(
    container: ContainerNumber(7), process: .initial, status: ExitStatus(rawValue: 0), oomKilled: false, time: 0)

/// What comes from the agent is hostile: after an answer that cannot be, nothing of it is believed any more, and
/// whoever waits is told once.
@Suite struct AgentSessionTests {
    @Test func anAnswerIsItsRequestsAlone() throws {
        let bench = try Bench()
        bench.ask(PauseContainer(container: ContainerNumber(1)), "one")
        bench.ask(PauseContainer(container: ContainerNumber(2)), "two")
        try bench.say(Done(), to: 2)
        #expect(bench.answers == ["two: done"])
        // Another's number, once more.
        try bench.say(Done(), to: 2)
        #expect(bench.answers.first == "two: done" && bench.answers.count == 2)
        #expect(bench.answers.last == "one: the guest's agent is lost: reply to request 2, which is not outstanding")
        #expect(bench.listener.lost.count == 1 && !bench.session.isReady)
    }

    @Test(arguments: [0, 2, .max] as [UInt32])
    func anAnswerToNoRequestEndsTheConversation(_ number: UInt32) throws {
        let bench = try Bench()
        bench.ask(PauseContainer(container: ContainerNumber(1)), "one")
        try bench.say(Done(), to: number)
        #expect(bench.answers.count == 1 && bench.listener.lost.count == 1)
        // Whoever asks now is told at once.
        bench.ask(PauseContainer(container: ContainerNumber(1)), "later")
        #expect(bench.answers.last == "later: the guest's agent is lost: it has not connected")
    }

    @Test(
        arguments: [
            // Frames: length, type, 0, request, payload.
            ("a giant length", [0xFF, 0xFF, 0xFF, 0xFF, 0, 0x80, 0, 0, 1, 0, 0, 0]),
            ("an unknown type", [0, 0, 0, 0, 0xEE, 0xEE, 0, 0, 1, 0, 0, 0]),
            ("a reserved field", [0, 0, 0, 0, 0, 0x80, 1, 0, 1, 0, 0, 0]),
            ("another type than was asked for", [4, 0, 0, 0, 8, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
            ("an event that ends early", [1, 0, 0, 0, 1, 0x40, 0, 0, 0, 0, 0, 0, 7]),
            // errno, step 0, a text of two bytes that are no UTF-8.
            ("invalid UTF-8", [11, 0, 0, 0, 1, 0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0xFF, 0xFE]),
            (
                "a text without its bytes",
                [9, 0, 0, 0, 1, 0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]
            ),
        ] as [(String, [UInt8])])
    func bytesWithoutSenseEndTheConversation(_ what: String, _ bytes: [UInt8]) throws {
        let bench = try Bench()
        bench.ask(PauseContainer(container: ContainerNumber(1)), "one")
        try bench.say(bytes)
        #expect(bench.answers.count == 1 && bench.answers[0].contains("lost"), "\(what)")
        #expect(bench.listener.lost.count == 1)
        try bench.say(exit)
        #expect(bench.listener.exits.isEmpty, "nothing is heard after \(what)")
    }

    @Test func anAnswersContentThatMakesNoSenseIsAFailureOfItsRequest() throws {
        let bench = try Bench()
        bench.ask(MeasureContainers(), "measure")
        // A list of 2³² − 1 containers in four bytes.
        try bench.say([4, 0, 0, 0, 7, 0x80, 0, 0, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF])
        #expect(bench.answers.count == 1 && bench.answers[0].contains("length 4294967295"))
    }

    @Test func aFrameThatIsCutShortIsAnEnd() throws {
        let bench = try Bench()
        bench.ask(PauseContainer(container: ContainerNumber(1)), "one")
        try bench.say([0, 0, 0, 0, 0, 0x80, 0])
        #expect(bench.answers.isEmpty)
        bench.guest.endConnection()
        try bench.say([])
        #expect(bench.answers == ["one: the guest's agent is lost: it closed its connection"])
    }

    @Test func statusesOfEveryKindAreCodes() throws {
        let bench = try Bench()
        for status in [Int32.min, -1, 0, 0x7F, 0xFF, 0xFFFF, 1 << 8, 256 << 8, .max] {
            var exited = exit
            exited.status = ExitStatus(rawValue: status)
            try bench.say(exited)
        }
        #expect(bench.listener.exits.map(\.status.code) == [0, 255, 0, 255, 255, 255, 1, 0, 255])
    }

    @Test func aFloodOfEventsIsHeardAndNothingOfItIsKept() throws {
        let bench = try Bench()
        bench.ask(PauseContainer(container: ContainerNumber(1)), "one")
        let zone = try Frame.bytes(of: ZoneChanged(node: .max, onlineBytes: .max))
        let memory = try Frame.bytes(of: OutOfMemory(container: ContainerNumber(.max), kills: .max))
        try bench.say([UInt8]([[UInt8]](repeating: zone + memory, count: 20_000).joined()))
        #expect(bench.listener.zones.count == 20_000 && bench.listener.outOfMemory.count == 20_000)
        try bench.say(Done(), to: 1)
        #expect(bench.answers == ["one: done"] && bench.session.isReady)
    }

    @Test func anAgentThatNeverAnswersIsAskedOnlySoOften() throws {
        let bench = try Bench()
        for _ in 0..<5000 { bench.ask(PauseContainer(container: ContainerNumber(1)), "ask") }
        #expect(bench.answers.count == 5000 - 4096)
        #expect(bench.answers.allSatisfy { $0 == "ask: the guest's agent does not answer" })
    }

    @Test func aSecondConnectionIsRefused() throws {
        let bench = try Bench()
        #expect(bench.session.accept() == nil)
        #expect(bench.session.isReady)
    }

    @Test func aSecondHelloEndsTheConversation() throws {
        let bench = try Bench()
        try bench.say(Hello(isSetUp: true))
        #expect(bench.listener.hellos == 1 && bench.listener.lost.count == 1)
    }

    @Test func theLongestFailureIsARefusalThatCanBeSent() {
        let failure = AgentFailure.refused(Failure(code: 2, step: .execute, text: String(repeating: "x", count: 4096)))
        #expect(failure.refusal.reason == .programNotFound && failure.refusal.text.utf8.count > 4096)
        #expect(AgentFailure.lost("").refusal.reason == .lost && AgentFailure.timeout.refusal.reason == .late)
    }
}
