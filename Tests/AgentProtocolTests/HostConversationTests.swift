import AgentProtocol
import Testing

private func greeted() throws -> HostConversation {
    var conversation = HostConversation()
    conversation.receive(helloBytes[...])
    guard case .hello = try conversation.next() else {
        Issue.record("no hello")
        return conversation
    }
    return conversation
}

private func failure(of conversation: inout HostConversation, _ bytes: [UInt8]) -> ProtocolError? {
    conversation.receive(bytes[...])
    do {
        while try conversation.next() != nil {}
        return nil
    } catch {
        return error
    }
}

@Test func replyIsGivenToItsRequest() throws {
    var conversation = try greeted()
    let first = try conversation.begin(MeasureContainers())
    let second = try conversation.begin(MeasureNodes())
    #expect(first.number != second.number)
    conversation.receive(try Frame.bytes(of: ContainerMeasures(containers: []), request: first.number)[...])
    guard case .reply(let number, let frame) = try conversation.next() else {
        Issue.record("no reply")
        return
    }
    #expect(number == first.number)
    #expect(try frame.message(ContainerMeasures.self).containers.isEmpty)
    #expect(conversation.outstandingCount == 1)
}

@Test func failureAnswersAnyRequest() throws {
    var conversation = try greeted()
    let request = try conversation.begin(StartContainer(container: ContainerNumber(7)))
    let sent = Failure(code: 2, step: .execute, text: "find nosuch")
    conversation.receive(try Frame.bytes(of: sent, request: request.number)[...])
    guard case .failure(request.number, let failure) = try conversation.next() else {
        Issue.record("no failure")
        return
    }
    #expect(failure == sent)
    #expect(failure.exitCode == 127)
}

@Test func secondReplyToARequestIsAnError() throws {
    var conversation = try greeted()
    let request = try conversation.begin(PowerOff())
    let reply = try Frame.bytes(of: Done(), request: request.number)
    #expect(failure(of: &conversation, reply + reply) == .unknownRequest(request.number))
}

@Test func replyOfAnotherTypeIsAnError() throws {
    var conversation = try greeted()
    let request = try conversation.begin(PowerOff())
    let reply = try Frame.bytes(of: ProcessList(processIDs: []), request: request.number)
    #expect(failure(of: &conversation, reply) == .unexpectedType(0x8008, expected: 0x8000))
}

@Test func helloComesFirstAndOnce() throws {
    var conversation = HostConversation()
    let event = try Frame.bytes(of: ZoneChanged(node: 1, onlineBytes: 0))
    #expect(failure(of: &conversation, event) == .unexpectedType(0x4003, expected: 0x4000))
    var second = try greeted()
    #expect(failure(of: &second, helloBytes) == .unknownRequest(0))
}

@Test func requestFromTheAgentIsAnError() throws {
    var conversation = try greeted()
    #expect(failure(of: &conversation, try Frame.bytes(of: PowerOff())) == .unknownRequest(0))
}

@Test func eventsComeAtAnyTime() throws {
    var conversation = try greeted()
    let exited = Exited(
        container: ContainerNumber(3), process: .initial, status: ExitStatus(rawValue: 9), oomKilled: true, time: 5)
    conversation.receive(try Frame.bytes(of: exited)[...])
    guard case .exited(exited) = try conversation.next() else {
        Issue.record("no event")
        return
    }
    #expect(exited.status.code == 137)
    #expect(exited.status.signal == 9)
    #expect(ExitStatus(rawValue: 3 << 8).code == 3)
}

@Test func requestNumbersAreNotReusedWhileOutstanding() throws {
    var conversation = try greeted()
    var numbers: Set<UInt32> = []
    for _ in 0..<1000 { numbers.insert(try conversation.begin(PowerOff()).number) }
    #expect(numbers.count == 1000)
    #expect(!numbers.contains(0))
}
