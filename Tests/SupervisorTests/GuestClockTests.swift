import AgentProtocol
import LinuxSystem
import Testing

@testable import Supervisor

/// The guest's clock beside the host's; the test is both, and the agent.
@Suite(.timeLimit(.minutes(1))) struct GuestClockTests {
    private static let second: UInt64 = 1_000_000_000

    private final class Bench {
        let supervisor: SupervisorBench
        let clock: GuestClock
        var time = GuestClock.Time(wall: 1_000_000 * GuestClockTests.second, raw: 7 * GuestClockTests.second)
        /// How far the guest's clock is behind the host's, in nanoseconds.
        var guestIsBehind: Int64 = 0
        /// What a message takes, one way.
        var delay: UInt64 = 100_000

        init() throws {
            supervisor = try SupervisorBench()
            var now: () -> GuestClock.Time = { .now }
            clock = try GuestClock(
                supervisor.supervisor.agent, supervisor.supervisor.containers, on: supervisor.machine.loop
            ) { now() }
            now = { [unowned self] in time }
            clock.follow()
        }

        func pass(_ nanoseconds: UInt64) {
            time.wall += nanoseconds
            time.raw += nanoseconds
        }

        /// Answers what the agent is asked; what the clock is moved by, nil: it is not.
        func answer() throws -> Int64? {
            while try supervisor.wasAsked(.readClock) {
                let number = try supervisor.request(ReadClock.self).number
                pass(delay)
                let reading = UInt64(Int64(time.wall) - guestIsBehind)
                pass(delay)
                try supervisor.say(ClockReading(wallClock: reading), to: number)
            }
            guard try supervisor.wasAsked(.adjustClock) else { return nil }
            let (number, change) = try supervisor.request(AdjustClock.self)
            guestIsBehind -= change.nanoseconds
            try supervisor.say(Done(), to: number)
            return change.nanoseconds
        }
    }

    @Test func aDifferenceIsMadeUpWhateverTheMessagesTake() throws {
        let bench = try Bench()
        for (behind, delay) in [(3_600_000_000_000, 100_000), (-50_000_000, 30_000_000), (1_000_000, 100_000)] {
            (bench.guestIsBehind, bench.delay) = (Int64(behind), UInt64(delay))
            bench.clock.compare()
            #expect(try bench.answer() == Int64(behind))
            #expect(bench.guestIsBehind == 0)
        }
    }

    @Test func whatIsNotKnownIsNotMadeUp() throws {
        let bench = try Bench()
        // Half of the time of an exchange is not known.
        (bench.guestIsBehind, bench.delay) = (20_000_000, 30_000_000)
        bench.clock.compare()
        #expect(try bench.answer() == nil)
        (bench.guestIsBehind, bench.delay) = (100_000, 100_000)
        bench.clock.compare()
        #expect(try bench.answer() == nil)
    }

    @Test func slewsOfTheHostsClockAreSeen() throws {
        let bench = try Bench()
        bench.clock.compare()
        #expect(try bench.answer() == nil)
        bench.pass(Self.second)
        bench.clock.look()
        #expect(try !bench.supervisor.wasAsked(.readClock), "nothing has happened")
        // Half a thousandth of two seconds.
        bench.pass(2 * Self.second)
        bench.time.wall += 1_000_000
        bench.guestIsBehind = 1_000_000
        bench.clock.look()
        #expect(try bench.answer() == 1_000_000)
    }

    @Test func aGuestThatLiesChangesItsOwnClock() throws {
        let bench = try Bench()
        for reading in [0, .max, UInt64(1) << 63] {
            bench.clock.compare()
            let number = try bench.supervisor.request(ReadClock.self).number
            try bench.supervisor.say(ClockReading(wallClock: reading), to: number)
            let (change, _) = try bench.supervisor.request(AdjustClock.self)
            try bench.supervisor.say(Done(), to: change)
        }
    }
}
