import AgentProtocol
import ControlProtocol
import Testing

@testable import Supervisor

/// What a guest that was saved gets when it is restored.
@Suite struct RestoredMachineTests {
    @Test(arguments: [[], [2], [2, 3]])
    func theAgentGetsTheTimeRandomnessAndTheImagesThatHaveCome(places: [Int]) throws {
        let bench = try SupervisorBench(greets: false, filledPlaces: places)
        try bench.say(Hello(isSetUp: true))
        let renew = try bench.request(Renew.self)
        #expect(renew.content.images == places.map { UInt8($0) })
        #expect(renew.content.entropy.count == 64 && renew.content.wallClock > 0)
        #expect(bench.supervisor.lifecycle.state == .booting)
        try bench.say(Done(), to: renew.number)
        #expect(bench.supervisor.lifecycle.state == .ready)
    }

    @Test func anImageThatDoesNotComeEndsTheMachine() throws {
        let bench = try SupervisorBench(greets: false, filledPlaces: [2])
        try bench.say(Hello(isSetUp: true))
        let failure = Failure(code: 19, step: .image, text: "mount image /dev/pmem0")
        try bench.say(failure, to: try bench.request(Renew.self).number)
        let end = try #require(bench.machine.end)
        #expect("\(end)".contains("mount image /dev/pmem0"))
    }
}
