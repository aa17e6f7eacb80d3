import AgentProtocol

/// Entry of libFuzzer: the input is what a hostile agent sends after a good Hello, while one request of each reply type
/// is outstanding. The host must take it or refuse it; what it takes must survive being sent again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    var conversation = HostConversation()
    guard let hello = try? Frame.bytes(of: Hello(isSetUp: false)) else {
        return 0
    }
    conversation.receive(hello[...])
    begin(&conversation)
    // Two pieces, so that frames are cut in every place.
    let middle = input.count / 3
    for piece in [input[..<middle], input[middle...]] {
        conversation.receive(piece)
        do {
            while let incoming = try conversation.next() { check(incoming) }
        } catch {
            return 0
        }
    }
    return 0
}

private func begin(_ conversation: inout HostConversation) {
    let container = ContainerNumber(1)
    // Numbers 1 to 9.
    _ = try? conversation.begin(PowerOff())
    _ = try? conversation.begin(StartContainer(container: container))
    _ = try? conversation.begin(DeleteContainer(container: container))
    _ = try? conversation.begin(OfflineZone(node: 1))
    _ = try? conversation.begin(MeasureContainers())
    _ = try? conversation.begin(ListProcesses(container: container))
    _ = try? conversation.begin(MeasurePlacement(container: container))
    _ = try? conversation.begin(MeasureNodes())
    _ = try? conversation.begin(Reclaim(container: container, bytes: 1))
}

private func check(_ incoming: HostConversation.Incoming) {
    guard case .reply(_, let frame) = incoming else { return }
    switch frame.type {
    case .done: again(frame, Done.self)
    case .processStarted: again(frame, ProcessStarted.self)
    case .containerDeleted: again(frame, ContainerDeleted.self)
    case .zoneOffline: again(frame, ZoneOffline.self)
    case .containerMeasures: again(frame, ContainerMeasures.self)
    case .processList: again(frame, ProcessList.self)
    case .pagePlacement: again(frame, PagePlacement.self)
    case .nodeMeasures: again(frame, NodeMeasures.self)
    case .reclaimed: again(frame, Reclaimed.self)
    case .clockReading: again(frame, ClockReading.self)
    default: preconditionFailure("conversation let type \(frame.type) through as a reply")
    }
}

private func again<Content: Message & Equatable>(_ frame: Frame, _ type: Content.Type) {
    guard let message = try? frame.message(type) else { return }
    var encoder = MessageEncoder()
    message.encode(into: &encoder)
    precondition(encoder.violation == nil, "a decoded message is over a limit")
    let copy = try? Frame(type: frame.type, request: 0, payload: encoder.bytes).message(type)
    precondition(copy == message, "a message changed on its second way")
}
