import AgentProtocol
import ControlProtocol
import Geometry
import LinuxSystem
import Testing
import Zones

@testable import Supervisor

private let block = ZoneGeometry.blockSizeInBytes

/// A running container whose zone has one block and may have two.
private struct Bench {
    let bench: SupervisorBench
    let client: BenchClient
    let number: ContainerNumber
    var zone: PluggableZone { bench.supervisor.zones.all[0] }

    /// - Parameters:
    ///   - isReported: its client wants to know what its zone has.
    ///   - asksEarly: it asks before the host knows that it runs.
    init(
        max: UInt64 = 2 * block, available: UInt64 = 8 << 30, isReported: Bool = false, asksEarly: Bool = false
    ) throws {
        bench = try SupervisorBench()
        bench.supervisor.elasticZones.hostMemory = { HostMemory(total: 16 << 30, available: available) }
        client = try bench.client()
        var request = RunRequest.bench("a", zone: block)
        request.maxZoneSizeInBytes = max
        request.wantsZoneSizes = isReported
        try client.send(.run(request))
        let (made, create) = try bench.request(CreateContainer.self)
        #expect(create.maxZoneBytes == Swift.min(max, 2 * block), "no more than its zone")
        #expect(create.specification.limits.memoryMax == ZoneGeometry.maxMemoryLimit(inZoneOf: 2 * block))
        bench.supervisor.zones.all[0].recordPlugged(block)
        number = create.container
        if asksEarly { try bench.say(MemoryWanted(container: number)) }
        try bench.say(.bench, to: made)
    }

    /// It asks for more.
    func ask() throws { try bench.say(MemoryWanted(container: number)) }

    /// What it was answered; nil: nothing.
    func answer() throws -> GrowthEnded? {
        guard try bench.wasAsked(.growthEnded) else { return nil }
        let (request, ended) = try bench.request(GrowthEnded.self)
        try bench.say(Done(), to: request)
        return ended
    }
}

@Suite(.timeLimit(.minutes(1))) struct ElasticZoneTests {
    @Test func aContainerThatAsksGetsMoreAndNoMoreThanItsMaximum() throws {
        let bench = try Bench(max: 5 * block)
        try bench.ask()
        #expect(bench.zone.life.requestedSizeInBytes == 2 * block)
        #expect(try bench.answer() == nil, "it is not there yet")
        bench.zone.recordPlugged(2 * block)
        #expect(try bench.answer() == GrowthEnded(container: bench.number, pluggedBytes: 2 * block, hasGrown: true))
        // A hostile one goes on: it is answered once, and gets nothing.
        for _ in 0..<1000 { try bench.ask() }
        #expect(try bench.answer() == GrowthEnded(container: bench.number, pluggedBytes: 2 * block, hasGrown: false))
        #expect(try bench.answer() == nil)
        #expect(bench.zone.life.requestedSizeInBytes == 2 * block)
    }

    @Test func aZoneThatWasNotToGrowDoesNot() throws {
        let bench = try SupervisorBench()
        let (_, number) = try bench.run("a", zone: block, endsWithConnection: false)
        try bench.say(MemoryWanted(container: number))
        try bench.say(MemoryReturned(container: number, onlineBytes: 0))
        try bench.say(MemoryWanted(container: ContainerNumber(99)))
        #expect(bench.supervisor.zones.all[0].life.requestedSizeInBytes == block)
        #expect(try !bench.wasAsked(.growthEnded))
    }

    @Test func aHostWithoutMemoryGivesNoneAndTheEndSaysSo() throws {
        let bench = try Bench(available: 100 << 20)
        try bench.ask()
        #expect(try bench.answer()?.hasGrown == false)
        #expect(bench.zone.life.requestedSizeInBytes == block)
        var exited = Exited.bench(bench.number, status: 9)
        exited.oomKilled = true
        try bench.bench.say(exited)
        _ = try bench.client.next()
        _ = try bench.client.next()
        #expect(try bench.client.exit().reason == "the host has no memory for more than its 128 MiB")
    }

    @Test func aHostWithoutMemoryIsNotLookedAtForEachQuestion() throws {
        let bench = try Bench()
        var looks = 0
        bench.bench.supervisor.elasticZones.hostMemory = {
            looks += 1
            return HostMemory(total: 16 << 30, available: 0)
        }
        for _ in 0..<1000 { try bench.ask() }
        #expect(looks == 1)
    }

    @Test func oneThatAsksBeforeItIsKnownToRunGetsMoreThen() throws {
        let bench = try Bench(asksEarly: true)
        #expect(bench.zone.life.requestedSizeInBytes == 2 * block)
    }

    @Test func aClientThatAsksReceivesWhatIsPlugged() throws {
        let bench = try Bench(isReported: true)
        _ = try (bench.client.next(), bench.client.next())
        try bench.ask()
        bench.zone.recordPlugged(2 * block)
        #expect(try bench.client.next() == .zoneResized(sizeInBytes: 2 * block))
        _ = try bench.answer()
        try bench.bench.say(MemoryReturned(container: bench.number, onlineBytes: block))
        bench.zone.recordPlugged(block)
        #expect(try bench.client.next() == .zoneResized(sizeInBytes: block))
    }

    @Test func whatIsReturnedIsUnpluggedAndCanBeHadAgain() throws {
        let bench = try Bench()
        try bench.ask()
        bench.zone.recordPlugged(2 * block)
        _ = try bench.answer()
        // Nothing of this is the zone's upper blocks.
        for bytes in [0, block - 1, 2 * block, 3 * block, .max] as [UInt64] {
            try bench.bench.say(MemoryReturned(container: bench.number, onlineBytes: bytes))
        }
        #expect(bench.zone.life.requestedSizeInBytes == 2 * block)
        try bench.bench.say(MemoryReturned(container: bench.number, onlineBytes: block))
        #expect(bench.zone.life.requestedSizeInBytes == block)
        // Asked for while the driver is at it: it comes after.
        try bench.ask()
        #expect(bench.zone.life.requestedSizeInBytes == block)
        bench.zone.recordPlugged(block)
        #expect(bench.zone.life.requestedSizeInBytes == 2 * block)
        bench.zone.recordPlugged(2 * block)
        #expect(try bench.answer()?.hasGrown == true)
    }

    @Test func aDriverThatDoesNotPlugIsNoLongerAsked() throws {
        let bench = try Bench()
        try bench.ask()
        try bench.bench.answerProbes(during: Int(PluggableZone.deadline) + 1)
        #expect(try bench.answer()?.hasGrown == false)
        #expect(bench.zone.life.requestedSizeInBytes == block)
        #expect(bench.zone.life.state == .online)
    }

    /// The guest's driver was bringing a block online when the container ended.
    @Test func aBlockThatComesLateGoesAgain() throws {
        let bench = try Bench()
        try bench.ask()
        bench.zone.recordPlugged(2 * block)
        try bench.bench.say(Exited.bench(bench.number))
        try bench.bench.say(ZoneChanged(node: 1, onlineBytes: 2 * block))
        let deletion = try bench.bench.request(DeleteContainer.self).number
        try bench.bench.say(ContainerDeleted(zone: .bench, timings: []), to: deletion)
        let again = try bench.bench.request(OfflineZone.self)
        #expect(again.content.node == 1)
        try bench.bench.say(ZoneOffline.bench, to: again.number)
        bench.zone.recordPlugged(0)
        #expect(bench.zone.life.state == .absent)
    }
}
