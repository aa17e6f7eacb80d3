import AgentProtocol
import ControlProtocol
import LinuxSystem
import Logs
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
    var silent: [String] = []

    func agentSaidHello(_ hello: Hello) { hellos += 1 }
    func processExited(_ exited: Exited) { exits.append(exited) }
    func containerRanOutOfMemory(_ event: OutOfMemory) { outOfMemory.append(event) }
    func templateReached(_ event: TemplateReached) {}
    func memoryIsWanted(_ event: MemoryWanted) {}
    func memoryIsReturned(_ event: MemoryReturned) {}
    func zoneChanged(_ event: ZoneChanged) { zones.append(event) }
    func agentIsLost(_ reason: String) { lost.append(reason) }
    func agentIsSilent(_ reason: String) { silent.append(reason) }
}

/// The host's end of an agent's connection, and the guest's, which the test has.
private final class Bench {
    let listener = Listener()
    let loop: EventLoop
    let vsock: VsockDevice
    let deadlines: Deadlines
    let session: AgentSession
    let guest: OwnedDescriptor
    var answers: [String] = []

    init() throws {
        loop = try EventLoop()
        vsock = VsockDevice(loop: loop)
        deadlines = try Deadlines(on: loop)
        session = AgentSession(vsock: vsock, loop: loop, deadlines, EventJournal(Log.logger))
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

    func ask(_ request: some BoundedRequest, _ name: String) {
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
/// every caller that waits gets one answer.
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
        // A request from now on is answered at once.
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
        #expect(bench.answers.allSatisfy { $0 == "ask: the guest's agent leaves 4096 requests unanswered" })
    }

    // MARK: Deadlines

    @Test func aRequestHasItsAnswerAtItsDeadlineAtTheLatest() throws {
        let bench = try Bench()
        bench.ask(ResizeTerminal(container: ContainerNumber(1), size: WindowSize(rows: 1, columns: 1)), "resize")
        bench.ask(CreateContainer.bench, "create")
        bench.deadlines.advance(byMilliseconds: 29_000)
        #expect(bench.answers.isEmpty)
        bench.deadlines.advance(byMilliseconds: 1000)
        #expect(bench.answers == ["resize: the guest's agent has not answered within 30 s"])
        bench.deadlines.advance(byMilliseconds: 69_000)
        #expect(bench.answers.count == 1)
        bench.deadlines.advance(byMilliseconds: 1000)
        #expect(bench.answers.last == "create: the guest's agent has not answered within 100 s")
    }

    @Test func aLateAnswerIsTakenAndChangesNothing() throws {
        let bench = try Bench()
        bench.ask(ResumeContainer(container: ContainerNumber(1)), "one")
        bench.deadlines.advance(byMilliseconds: 30_000)
        bench.ask(ResumeContainer(container: ContainerNumber(2)), "two")
        try bench.say(Done(), to: 1)
        #expect(bench.answers.count == 1 && bench.session.isReady)
        try bench.say(Done(), to: 2)
        #expect(bench.answers.last == "two: done")
        // Once.
        try bench.say(Done(), to: 1)
        #expect(bench.listener.lost.count == 1)
    }

    @Test func anAgentThatSaysNothingIsSilent() throws {
        let bench = try Bench()
        bench.deadlines.advance(byMilliseconds: 1_000_000)
        #expect(bench.listener.silent.isEmpty, "it owes nothing")
        bench.ask(PauseContainer(container: ContainerNumber(1)), "pause")
        bench.deadlines.advance(byMilliseconds: 60_000)
        bench.deadlines.advance(byMilliseconds: 59_000)
        #expect(bench.listener.silent.isEmpty)
        bench.deadlines.advance(byMilliseconds: 1000)
        #expect(bench.listener.silent == ["the guest's agent has answered nothing for 120 s"])
    }

    @Test func anAgentAtLongWorkThatAnswersOthersIsNotSilent() throws {
        let bench = try Bench()
        bench.ask(DeleteContainer(container: ContainerNumber(1)), "delete")
        bench.deadlines.advance(byMilliseconds: 60_000)
        // What it was asked in the midst of it: request 2.
        try bench.say(NodeMeasures(nodes: [], pagesMigrated: 0, agentResidentBytes: 0), to: 2)
        bench.deadlines.advance(byMilliseconds: 60_000)
        bench.deadlines.advance(byMilliseconds: 1_000_000)
        #expect(bench.listener.silent.isEmpty && bench.answers.count == 1)
    }

    @Test func aGuestWhoseAgentNeverComesIsSilent() throws {
        let loop = try EventLoop()
        let (deadlines, listener) = (try Deadlines(on: loop), Listener())
        let session = AgentSession(vsock: VsockDevice(loop: loop), loop: loop, deadlines, EventJournal(Log.logger))
        session.listener = listener
        deadlines.advance(byMilliseconds: 299_000)
        #expect(listener.silent.isEmpty)
        deadlines.advance(byMilliseconds: 1000)
        #expect(listener.silent == ["the guest's agent has not come within 300 s"])
        // One that connects and does not greet is no better.
        #expect(!session.isReady)
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
        #expect(
            AgentFailure.lost("").refusal.reason == .lost && AgentFailure.timeout(seconds: 1).refusal.reason == .late)
        #expect(AgentFailure.overloaded(unanswered: 1).refusal.reason == .late)
    }
}

extension CreateContainer {
    fileprivate static var bench: CreateContainer {
        RunRequest.bench("a").create
    }
}
