import Testing

@testable import Scaling

/// The autoscaler by simulated time: what Knative's does with the same load.
@Suite struct AutoscalerTests {
    /// One request a container at a time, no spare: the numbers stay easy to check.
    private func autoscaler(min: Int = 0, max: Int = 100, target: Double = 1) -> Autoscaler {
        Autoscaler(
            ScalingSettings(target: target, minCount: min, maxCount: max, stableWindow: 60_000, panicWindow: 6000))
    }

    /// So many requests from one second to another; a decision each second, with what it wanted last as what is ready.
    private func run(
        _ autoscaler: inout Autoscaler, _ concurrency: Double, seconds: Range<Int64>, ready: inout Int
    ) -> Autoscaler.Decision {
        var decision = Autoscaler.Decision(wanted: ready, isPanicking: false)
        for second in seconds {
            autoscaler.record(concurrency, from: second * 1000, to: (second + 1) * 1000)
            decision = autoscaler.decide(ready: ready, at: (second + 1) * 1000)
            ready = decision.wanted
        }
        return decision
    }

    @Test func aSteadyLoadGetsAsManyAsItsConcurrencyNeeds() {
        var autoscaler = autoscaler(target: 0.7)
        var ready = 0
        #expect(run(&autoscaler, 7, seconds: 0..<120, ready: &ready).wanted == 10)
    }

    @Test func aBurstIsMetByThePanicWindowBeforeTheStableOneShowsIt() {
        var autoscaler = autoscaler()
        var ready = 0
        #expect(run(&autoscaler, 1, seconds: 0..<60, ready: &ready).wanted == 1)
        let decision = run(&autoscaler, 20, seconds: 60..<66, ready: &ready)
        #expect(decision.isPanicking)
        #expect(decision.wanted == 20)
    }

    @Test func nothingIsTakenAwayWhileABurstMayComeBack() {
        var autoscaler = autoscaler()
        var ready = 1
        _ = run(&autoscaler, 20, seconds: 0..<6, ready: &ready)
        #expect(ready == 20)
        #expect(run(&autoscaler, 1, seconds: 6..<40, ready: &ready).wanted == 20)
        // A stable window after the last sign of it.
        let decision = run(&autoscaler, 1, seconds: 40..<130, ready: &ready)
        #expect(!decision.isPanicking && decision.wanted == 1)
    }

    @Test func aFunctionWithoutRequestsGoesToZeroAfterItsWindow() {
        var autoscaler = autoscaler()
        var ready = 0
        _ = run(&autoscaler, 1, seconds: 0..<30, ready: &ready)
        #expect(run(&autoscaler, 0, seconds: 30..<80, ready: &ready).wanted == 1)
        #expect(run(&autoscaler, 0, seconds: 80..<100, ready: &ready).wanted == 0)
    }

    @Test func oneDecisionHalvesAtMost() {
        var autoscaler = autoscaler()
        autoscaler.record(1, from: 0, to: 60_000)
        #expect(autoscaler.decide(ready: 16, at: 60_000).wanted == 8)
    }

    @Test func theLimitsHoldWhateverTheLoad() {
        var autoscaler = autoscaler(min: 2, max: 4)
        #expect(autoscaler.decide(ready: 0, at: 0).wanted == 2)
        autoscaler.record(1000, from: 0, to: 6000)
        #expect(autoscaler.decide(ready: 2, at: 6000).wanted == 4)
    }

    @Test func timeThatStandsStillOrGoesBackChangesNothing() {
        var autoscaler = autoscaler()
        autoscaler.record(5, from: 1000, to: 1000)
        autoscaler.record(5, from: 1000, to: 500)
        #expect(autoscaler.decide(ready: 0, at: 1000).wanted == 0)
    }
}
