import AgentProtocol
import Testing

@testable import ControlProtocol

private func metrics(_ counts: [VirtualMachineMetrics.Count]) -> VirtualMachineMetrics {
    var container = VirtualMachineMetrics.ContainerCounts(id: "a", number: 7)
    (container.receivedFrames, container.receivedBytes, container.outOfMemory) = (1, .max, 3)
    return VirtualMachineMetrics(
        description: VirtualMachineDescription(
            state: .ready, virtualCPUs: 2, baseSizeInBytes: 1, baseResidentBytes: 2, privateResidentBytes: 3,
            bootMicroseconds: 4, zones: [], containers: []),
        isRestored: true, counts: counts,
        stages: [VirtualMachineMetrics.StageDurations(stage: .exec, counts: [1, 2], sum: 5)], containers: [container])
}

/// Every event that there is.
private let events: [CountedEvent] = (UInt8.min...UInt8.max).flatMap { number in
    (UInt8.min...UInt8.max).compactMap { CountedEvent(number: number, detail: $0) }
}

@Test func metricsKeepEveryEventOnTheirWay() throws {
    let sent = metrics(Set(events).enumerated().map { VirtualMachineMetrics.Count($1, UInt64($0)) })
    var decoder = ControlFrameDecoder<ControlReply>()
    decoder.append(try ControlFrame(request: 3, content: ControlReply.metrics(sent)).bytes())
    #expect(try decoder.next()?.content == .metrics(sent))
}

@Test func anEventOfANewerMachineIsLeftOut() throws {
    var encoder = MessageEncoder()
    metrics([]).encode(into: &encoder)
    // The list of counts stands behind the description and the flag: with one of an event that there is not.
    var description = MessageEncoder()
    metrics([]).description.encode(into: &description)
    let start = description.bytes.count + 1
    let bytes =
        Array(encoder.bytes[..<start]) + [1, 0, 0, 0, 250, 1, 9, 0, 0, 0, 0, 0, 0, 0] + encoder.bytes[(start + 4)...]
    var decoder = MessageDecoder(bytes)
    #expect(try VirtualMachineMetrics(decoding: &decoder) == metrics([]))
}

@Test func whatAGuestSaysOfItsStagesIsClamped() {
    let stages = StartStages(whole: 100, monitor: 0, plug: 30, mounts: .max, exec: .max)
    #expect(stages.plug == 30 && stages.mounts == 70 && stages.exec == 0 && stages.agent == 0)
    let usual = StartStages(whole: 100, monitor: 10, plug: 20, mounts: 30, exec: 15)
    #expect(StartStage.allCases.map { usual[stage: $0] } == [10, 20, 25, 30, 15])
}
