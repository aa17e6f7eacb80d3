import Events
import Testing

@testable import Gateway

@Suite struct BreakerTests {
    @Test func tenAbortsOfAHundredEventsAreTaken() {
        var breaker = Breaker()
        for number in 0..<1000 {
            #expect(breaker.note(aborted: number % 10 == 0, at: 0) == .goOn)
        }
    }

    @Test func oneMoreTripsIt() {
        var breaker = Breaker()
        for number in 0..<100 { #expect(breaker.note(aborted: number < 10, at: 5) == .goOn) }
        // The oldest of the ten leaves the window as this one comes.
        #expect(breaker.note(aborted: true, at: 5) == .goOn)
        for _ in 0..<9 { #expect(breaker.note(aborted: true, at: 5) == .goOn) }
        #expect(breaker.note(aborted: true, at: 5) == .wait(until: 10_005))
    }

    @Test func waitsDoubleAndTheFifthTripIsTheLast() {
        var breaker = Breaker()
        func trip() -> Breaker.Verdict {
            for _ in 0..<10 { _ = breaker.note(aborted: true, at: 0) }
            return breaker.note(aborted: true, at: 0)
        }
        #expect((1...5).map { _ in trip() } == [10_000, 20_000, 40_000, 80_000].map { .wait(until: $0) } + [.giveUp])
    }

    @Test func tripsAreForgottenAfterAThousandEvents() {
        var breaker = Breaker()
        for _ in 0..<11 { _ = breaker.note(aborted: true, at: 0) }
        #expect(breaker.trips == 1)
        for _ in 0..<1000 { _ = breaker.note(aborted: false, at: 0) }
        #expect(breaker.trips == 0)
    }
}

@Suite struct AccelerationStateTests {
    private func compiled(_ state: inout AccelerationState) -> AccelerationState.Action {
        #expect(state.containerBegins(1) && state.traced(by: 1))
        return state.compiled()
    }

    @Test func theFirstContainerTracesAndNoOther() {
        var state = AccelerationState(.on)
        #expect(state.containerBegins(1) && !state.containerBegins(2))
        #expect(state.eventEnds(in: 2) == .notYet)
        #expect(state.eventEnds(in: 1) == .after(2000))
        for _ in 2..<32 { #expect(state.eventEnds(in: 1) == .notYet) }
        #expect(state.eventEnds(in: 1) == .now)
        #expect(!state.traced(by: 2) && state.traced(by: 1) && !state.traced(by: 1))
    }

    @Test func anotherTracesWhereTheFirstHasEnded() {
        var state = AccelerationState(.on)
        let first = state.containerBegins(1)
        state.containerEnds(2)
        let second = state.containerBegins(3)
        state.containerEnds(1)
        let third = state.containerBegins(4)
        #expect([first, second, third] == [true, false, true])
    }

    @Test func whatIsObservedIsNotServed() {
        var state = AccelerationState(.observe)
        #expect(compiled(&state) == .nothing && state.stage == .compiled)
    }

    @Test func aSandboxThatEndsIsStartedAgainLaterAndLater() {
        var state = AccelerationState(.on)
        #expect(compiled(&state) == .startSandbox)
        var waits: [Int64] = []
        for _ in 0..<8 {
            state.sandboxEnded(at: 0)
            guard case .restarting(let time) = state.stage else { break }
            waits.append(time)
            #expect(state.tick(at: time - 1) == .nothing && state.tick(at: time) == .startSandbox)
        }
        #expect(waits == [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
        state.noteServed(at: 0)
        state.sandboxEnded(at: 0)
        #expect(state.stage == .restarting(at: 1000))
    }

    @Test func tooManyAbortsLeadBackToATrace() {
        var state = AccelerationState(.on)
        for round in 0..<5 {
            #expect(compiled(&state) == .startSandbox)
            for _ in 0..<10 { #expect(state.noteAbort("type at a.js:1:2", at: 0) == .nothing) }
            #expect(state.noteAbort("type at a.js:1:2", at: 0) == .endSandbox)
            // A straggler.
            #expect(state.noteAbort("type", at: 0) == .nothing)
            if round < 4 {
                #expect(state.tick(at: 9999) == .nothing)
                #expect(state.tick(at: 1_000_000) == .renewContainers && state.stage == .container)
            }
        }
        guard case .off(let reason) = state.stage else {
            Issue.record("\(state.stage)")
            return
        }
        #expect(reason.hasSuffix("5 times; last: type at a.js:1:2"))
        #expect(!state.containerBegins(9) && state.tick(at: .max) == .nothing)
    }

    @Test func whatCannotBeCompiledStaysInContainers() {
        var state = AccelerationState(.on)
        #expect(state.containerBegins(1) && state.traced(by: 1))
        state.failed("why")
        #expect(state.stage == .off("why") && state.compiled() == .nothing)
        #expect(AccelerationState(.on, missing: "no file").stage == .off("no file"))
    }
}
