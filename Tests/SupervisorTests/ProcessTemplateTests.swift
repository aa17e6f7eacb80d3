import AgentProtocol
import ControlProtocol
import LinuxSystem
import SystemPackage
import TestSupport
import Testing
import Zones

@testable import Supervisor

/// Process templates as the agent and clients see them.
@Suite struct ProcessTemplateTests {
    private let block: UInt64 = 128 << 20

    @Test func theFirstContainerStartsPlainlyAndFurtherOnesAreCopiesOfTheTemplateMadeBehindIt() throws {
        let bench = try SupervisorBench(zones: 3)
        let first = try bench.warm("first")
        #expect(first.create.origin == .program && !first.started.isCopy)
        let template = try bench.makeTemplate()
        #expect(template.create.origin == .template && template.create.node == 0)
        #expect(try bench.templates().map(\.state) == [.making])
        // One that comes while it is being made does not wait.
        let second = try bench.warm("second")
        #expect(second.create.origin == .program)
        try bench.reach(template.number)
        let third = try bench.warm("third")
        #expect(third.create.origin == .copy(of: template.number) && third.started.isCopy)
        #expect(
            try bench.templates() == [
                ProcessTemplateReport(
                    number: 1, state: .ready, reachedAfterMicroseconds: 300_000, threads: 1, memoryBytes: 9 << 20,
                    instances: 1, command: "/bin/true")
            ])
        try bench.end(third.create.container)
        #expect(try bench.templates().map(\.instances) == [0])
    }

    @Test func aTemplateHasNothingOfItsFirstContainersOwn() throws {
        let bench = try SupervisorBench(zones: 1)
        var request = RunRequest.warm("first", zone: block)
        request.create.specification.hostname = "first"
        request.create.specification.limits = ResourceLimits(memoryMax: 1 << 20, processesMax: 7, cpuQuota: 1000)
        request.create.specification.process.environment = ["A=1", "HOSTNAME=first", "B=2"]
        request.warmStart?.varying = ["A"]
        _ = try bench.warm(request)
        let template = try bench.makeTemplate()
        let specification = template.create.specification
        #expect(specification.hostname.isEmpty && specification.process.environment == ["B=2"])
        // Half of the VM's base memory, and no limit of CPU time.
        #expect(specification.limits == ResourceLimits(memoryMax: 128 << 20, processesMax: 7))
        #expect(specification.process.streams == StandardStreams() && specification.files.isEmpty)
        #expect(specification.namespaces == Namespaces(process: .container(template.holder)))
    }

    @Test func whatMayDifferIsInAFileOfEachContainer() throws {
        let bench = try SupervisorBench(zones: 1)
        var request = RunRequest.warm("first", zone: block)
        request.create.specification.process.environment = ["A=1", "HOSTNAME=first", "B=2"]
        request.warmStart?.varying = ["A"]
        let files = try bench.warm(request).create.specification.files
        #expect(files == [InlineFile(path: "/run/czone/environment", contents: Array("A=1\0HOSTNAME=first\0".utf8))])
    }

    @Test(arguments: ["zone", "terminal", "processes"])
    func whatCannotBeACopyHasNoTemplateMade(_ obstacle: String) throws {
        let bench = try SupervisorBench(zones: 1)
        var request = RunRequest.warm("a", zone: obstacle == "zone" ? 0 : block)
        if obstacle == "terminal" {
            request.create.specification.process.terminal = WindowSize(rows: 1, columns: 1)
        }
        if obstacle == "processes" { request.create.specification.namespaces.process = .guest }
        #expect(try bench.warm(request).create.origin == .program)
        #expect(try !bench.wasAsked(.createContainer) && bench.templates().isEmpty)
    }

    @Test func anotherIdentityHasATemplateOfItsOwn() throws {
        let bench = try SupervisorBench(zones: 3)
        _ = try bench.warm("first")
        let template = try bench.makeTemplate()
        try bench.reach(template.number)
        var other = RunRequest.warm("second", zone: block)
        other.create.specification.process.arguments = ["/bin/false"]
        #expect(try bench.warm(other).create.origin == .program)
        #expect(try bench.makeTemplate().create.specification.process.arguments == ["/bin/false"])
        #expect(try bench.templates().map(\.state) == [.ready, .making])
        #expect(try bench.warm("third").create.origin == .copy(of: template.number))
    }

    @Test func aVirtualMachineHasNoMoreThanFour() throws {
        let bench = try SupervisorBench(zones: 5)
        for index in 0..<5 {
            var request = RunRequest.warm("c\(index)", zone: block)
            request.create.specification.process.arguments = ["/bin/\(index)"]
            _ = try bench.warm(request)
            if index < 4 { _ = try bench.makeTemplate() }
        }
        #expect(try !bench.wasAsked(.createContainer))
        #expect(try bench.templates().map(\.command) == (0..<4).map { "/bin/\($0)" })
    }

    @Test func aTemplateIsNoContainer() throws {
        let bench = try SupervisorBench(zones: 1)
        let first = try bench.warm("first")
        let template = try bench.makeTemplate()
        try bench.reach(template.number)
        try bench.end(first.create.container)
        #expect(bench.supervisor.containers.isEmpty)
        #expect(bench.supervisor.zones.all[0].life.isFree)
    }

    // MARK: What goes wrong

    @Test func aRefusedTemplateIsNotTriedAgain() throws {
        let bench = try SupervisorBench()
        _ = try bench.warm("first")
        let template = try bench.makeTemplate()
        try bench.reach(template.number, refusal: "it has a connected socket")
        #expect(try bench.deletions() == [template.number, template.holder])
        #expect(try bench.templates().map(\.reason) == ["it has a connected socket"])
        #expect(try bench.warm("second").create.origin == .program)
        #expect(try !bench.wasAsked(.createContainer))
    }

    @Test func aProgramThatEndsBeforeItsPointRefusesItsTemplate() throws {
        let bench = try SupervisorBench()
        _ = try bench.warm("first")
        let template = try bench.makeTemplate()
        try bench.say(Exited.bench(template.number))
        #expect(try bench.templates().map(\.reason) == ["its program ended with status 3 before its point"])
        #expect(try bench.deletions() == [template.number, template.holder])
        // What comes late of it changes nothing.
        try bench.reach(template.number)
        #expect(try bench.templates().map(\.state) == [.refused])
    }

    @Test func aTemplateThatDiesLaterLeavesPlainStarts() throws {
        let bench = try SupervisorBench()
        _ = try bench.warm("first")
        let template = try bench.makeTemplate()
        try bench.reach(template.number)
        var killed = Exited.bench(template.number, status: 9)
        killed.oomKilled = true
        try bench.say(killed)
        let reasons = try bench.templates().map(\.reason)
        #expect(reasons == ["it was killed: it needed more memory than a template may have"])
        #expect(try bench.warm("second").create.origin == .program)
    }

    @Test func theEndOfItsNamespaceRefusesATemplate() throws {
        let bench = try SupervisorBench()
        _ = try bench.warm("first")
        let template = try bench.makeTemplate()
        try bench.say(Exited.bench(template.holder, status: 9))
        #expect(try bench.templates().map(\.reason) == ["its process namespace has ended"])
    }

    @Test func anAgentThatMakesNoneRefusesIt() throws {
        let bench = try SupervisorBench()
        _ = try bench.warm("first")
        let holder = try bench.request(CreateContainer.self)
        try bench.say(.bench, to: holder.number)
        let template = try bench.request(CreateContainer.self)
        try bench.say(Failure(code: 95, step: .execute, text: "run a template"), to: template.number)
        let reason = try #require(try bench.templates().first?.reason)
        #expect(reason.hasPrefix("its program could not be run: the guest cannot run a template"))
        // What an agent that was late may yet make of it goes too.
        #expect(try bench.deletions() == [template.content.container, holder.content.container])
    }

    @Test func aTemplateThatNeverReachesItsPointIsDeletedInTime() throws {
        let bench = try SupervisorBench()
        var request = RunRequest.warm("first", zone: block)
        request.warmStart?.timeoutInSeconds = 20
        _ = try bench.warm(request)
        let template = try bench.makeTemplate()
        bench.supervisor.deadlines.advance(byMilliseconds: 19_000)
        #expect(try bench.templates().map(\.state) == [.making])
        bench.supervisor.deadlines.advance(byMilliseconds: 1000)
        #expect(try bench.templates().map(\.reason) == ["it did not reach its point in 20 s"])
        #expect(try bench.deletions() == [template.number, template.holder])
    }

    @Test func whatIsMadeAfterItsRefusalIsDeleted() throws {
        let bench = try SupervisorBench()
        var request = RunRequest.warm("first", zone: block)
        request.warmStart?.timeoutInSeconds = 20
        _ = try bench.warm(request)
        let holder = try bench.request(CreateContainer.self)
        bench.supervisor.deadlines.advance(byMilliseconds: 19_000)
        #expect(try bench.templates().map(\.state) == [.making])
        bench.supervisor.deadlines.advance(byMilliseconds: 1000)
        #expect(try bench.deletions() == [holder.content.container])
        try bench.say(.bench, to: holder.number)
        #expect(try bench.deletions() == [holder.content.container])
        #expect(try !bench.wasAsked(.createContainer))
    }

    @Test func aCopyThatCannotBeIsAPlainStartAndItsReasonIsKept() throws {
        let bench = try SupervisorBench()
        _ = try bench.warm("first")
        let template = try bench.makeTemplate()
        try bench.reach(template.number)
        let second = try bench.warm("second", refusal: "no memory for its page tables")
        #expect(second.create.origin == .copy(of: template.number) && !second.started.isCopy)
        let report = try #require(try bench.templates().first)
        #expect(report.state == .ready && report.instances == 0 && report.reason == "no memory for its page tables")
    }

    @Test func aTemplateWhoseCopiesFailOneAfterTheOtherIsGivenUp() throws {
        let bench = try SupervisorBench(zones: 7)
        _ = try bench.warm("first")
        let template = try bench.makeTemplate()
        try bench.reach(template.number)
        for (name, refusal) in [("a", "no"), ("b", "no"), ("c", ""), ("d", "no"), ("e", "no")] {
            _ = try bench.warm(name, refusal: refusal)
            #expect(try bench.templates().map(\.state) == [.ready])
        }
        _ = try bench.warm("f", refusal: "no memory")
        #expect(try bench.templates().map(\.reason) == ["3 copies of it failed one after the other: no memory"])
        #expect(try bench.deletions() == [template.number, template.holder])
        #expect(try bench.templates().map(\.state) == [.refused])
    }

    @Test func aZoneForACopyLearnsWhatTheCopyWillWrite() throws {
        let bench = try SupervisorBench(zones: 2)
        _ = try bench.warm("first")
        #expect(bench.machine.backings[0].expectedBytes == 0)
        let template = try bench.makeTemplate()
        try bench.reach(template.number)
        _ = try bench.warm("second")
        #expect(bench.machine.backings[1].expectedBytes == 3 << 20)
    }

    @Test func whatIsMadeFirstAndStartedLaterIsACopyToo() throws {
        let bench = try SupervisorBench()
        _ = try bench.warm("first")
        let template = try bench.makeTemplate()
        try bench.reach(template.number)
        let client = try bench.client()
        try client.send(.create(CreateRequest(run: .warm("second", zone: block), sandbox: "")))
        guard case .accepted? = try client.next() else { throw SystemError("place it", .invalidArgument) }
        let (made, create) = try bench.request(CreateContainer.self)
        #expect(create.origin == .copy(of: template.number))
        bench.supervisor.zones.all[Int(create.node) - 1].recordPlugged(block)
        try bench.say(.bench, to: made)
        #expect(try client.next() == .done)
        try client.send(.start(container: "second"))
        try bench.say(.bench, to: try bench.request(StartContainer.self).number)
        guard case .started(let started)? = try client.next() else { throw SystemError("start it", .invalidArgument) }
        #expect(started.isCopy)
    }

    @Test func aTemplateThatIsRemovedIsMadeAnew() throws {
        let bench = try SupervisorBench()
        _ = try bench.warm("first")
        let template = try bench.makeTemplate()
        try bench.reach(template.number)
        let client = try bench.client()
        try client.send(.removeProcessTemplate(number: 2))
        #expect(try client.refusal().text == "no process template 2 in this VM")
        try client.send(.removeProcessTemplate(number: 1))
        #expect(try client.next() == .done)
        #expect(try bench.deletions() == [template.number, template.holder] && bench.templates().isEmpty)
        #expect(try bench.warm("second").create.origin == .program)
        _ = try bench.makeTemplate()
        #expect(try bench.templates().map(\.number) == [2])
    }
}

/// States alone.
@Suite struct ProcessTemplateStateTests {
    private let facts = ProcessTemplateFacts(reachedAfterMicroseconds: 1, threads: 1, memoryBytes: 1)

    @Test func onlyOneThatIsMadeReachesItsPoint() {
        var state = ProcessTemplateState.making
        let steps = [state.reach(facts), state.reach(facts)]
        #expect(steps == [true, false] && state == .ready(facts))
        let last = [state.refuse("a"), state.reach(facts)]
        #expect(last == [true, false] && state == .refused("a"))
    }

    @Test func theFirstReasonStays() {
        var state = ProcessTemplateState.making
        let steps = [state.refuse("a"), state.refuse("b")]
        #expect(steps == [true, false] && state == .refused("a"))
    }
}

extension RunRequest {
    static func warm(_ id: String, zone: UInt64) -> RunRequest {
        var request = RunRequest.bench(id, zone: zone, endsWithConnection: false)
        request.warmStart = WarmStart()
        return request
    }
}

extension SupervisorBench {
    /// Runs a container that may be a copy, to its program's first instruction.
    func warm(
        _ id: String, zone: UInt64 = 128 << 20, refusal: String = ""
    ) throws -> (create: CreateContainer, started: Started) {
        try warm(RunRequest.warm(id, zone: zone), refusal: refusal)
    }

    func warm(_ request: RunRequest, refusal: String = "") throws -> (create: CreateContainer, started: Started) {
        let client = try client()
        try client.send(.run(request))
        guard case .accepted? = try client.next() else { throw SystemError("place it", .invalidArgument) }
        let (made, create) = try self.request(CreateContainer.self)
        if create.node != 0 {
            supervisor.zones.all[Int(create.node) - 1].recordPlugged(request.zoneSizeInBytes)
        }
        var answer = ProcessStarted.bench
        answer.refusal = refusal
        try say(answer, to: made)
        guard case .started(let started)? = try client.next() else { throw SystemError("start it", .invalidArgument) }
        return (create, started)
    }

    /// Does what the agent is asked for a template, up to its program's first instruction.
    func makeTemplate() throws -> (holder: ContainerNumber, number: ContainerNumber, create: CreateContainer) {
        let holder = try request(CreateContainer.self)
        #expect(holder.content.origin == .program && holder.content.specification.root.layers.isEmpty)
        try say(.bench, to: holder.number)
        let template = try request(CreateContainer.self)
        try say(.bench, to: template.number)
        return (holder.content.container, template.content.container, template.content)
    }

    func reach(_ number: ContainerNumber, refusal: String = "") throws {
        try say(
            TemplateReached(
                container: number, microseconds: 300_000, threads: 1, memoryBytes: 9 << 20, refusal: refusal))
    }

    func templates() throws -> [ProcessTemplateReport] {
        let client = try client()
        try client.send(.processTemplates)
        guard case .processTemplates(let reports)? = try client.next() else {
            throw SystemError("list templates", .invalidArgument)
        }
        return reports
    }

    /// Which containers the agent was asked to delete; it deletes them.
    func deletions() throws -> [ContainerNumber] {
        var numbers: [ContainerNumber] = []
        while try wasAsked(.deleteContainer) {
            let deletion = try request(DeleteContainer.self)
            numbers.append(deletion.content.container)
            try say(ContainerDeleted(zone: nil, timings: []), to: deletion.number)
        }
        return numbers
    }

    /// A container ends, and its zone returns.
    func end(_ number: ContainerNumber) throws {
        try say(Exited.bench(number))
        let deletion = try request(DeleteContainer.self)
        try say(
            ContainerDeleted(zone: deletion.content.offlineZone ? .bench : nil, timings: []), to: deletion.number)
        for zone in supervisor.zones.all where zone.life.state == .unplugging { zone.recordPlugged(0) }
    }
}
