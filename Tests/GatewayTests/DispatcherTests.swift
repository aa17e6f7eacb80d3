import Testing

@testable import Gateway

@Suite struct DispatcherTests {
    private func dispatcher(concurrency: Int = 1, maxWaiting: Int = 2, ready: Int = 0) -> Dispatcher {
        var dispatcher = Dispatcher(concurrency: concurrency, maxWaiting: maxWaiting)
        for number in 0..<UInt64(ready) {
            dispatcher.add(number)
            #expect(dispatcher.becomeReady(number, at: Int64(number)).isEmpty)
        }
        return dispatcher
    }

    @Test func aRequestWaitsForAContainerAndGetsIt() {
        var dispatcher = dispatcher()
        #expect(dispatcher.admit(1) == .queued)
        dispatcher.add(7)
        #expect(dispatcher.becomeReady(7, at: 0) == [.init(waiter: 1, container: 7, wasPaused: false)])
        #expect(dispatcher.admit(2) == .queued)
        #expect(dispatcher.finish(in: 7, at: 1) == [.init(waiter: 2, container: 7, wasPaused: false)])
        #expect(dispatcher.finish(in: 7, at: 2).isEmpty && dispatcher.activeCount == 0)
    }

    @Test func aFullQueueTakesNoMore() {
        var dispatcher = dispatcher(maxWaiting: 1)
        #expect(dispatcher.admit(1) == .queued)
        #expect(dispatcher.admit(2) == .full(waiting: 1))
        #expect(dispatcher.withdraw(1) == true)
        #expect(dispatcher.withdraw(1) == false)
        #expect(dispatcher.admit(3) == .queued)
    }

    @Test func theFullestContainerWithRoomIsFilledFirst() {
        var dispatcher = dispatcher(concurrency: 2, ready: 2)
        guard case .assigned(let first) = dispatcher.admit(1), case .assigned(let second) = dispatcher.admit(2),
            case .assigned(let third) = dispatcher.admit(3)
        else {
            Issue.record("not assigned")
            return
        }
        #expect(first.container == second.container && third.container != first.container)
    }

    @Test func aPausedContainerIsTakenOnlyWhereNoOtherHasRoom() {
        var dispatcher = dispatcher(ready: 2)
        #expect(dispatcher.pause(1) == true)
        #expect(dispatcher.admit(1) == .assigned(.init(waiter: 1, container: 0, wasPaused: false)))
        #expect(dispatcher.admit(2) == .assigned(.init(waiter: 2, container: 1, wasPaused: true)))
        #expect(dispatcher.pause(0) == false)
    }

    @Test func aDrainingContainerGetsNoRequestAndGoesWithItsLast() {
        var dispatcher = dispatcher(concurrency: 2, ready: 1)
        _ = dispatcher.admit(1)
        #expect(dispatcher.drain(0) == false)
        #expect(dispatcher.admit(2) == .queued)
        #expect(dispatcher.finish(in: 0, at: 5).isEmpty)
        #expect(dispatcher.slots[0]?.active == 0 && dispatcher.slots[0]?.state == .draining)
        dispatcher.remove(0)
        #expect(dispatcher.slots.isEmpty && dispatcher.waitingCount == 1)
    }

    @Test func aNewDefinitionLeavesTheOldContainersTheirRequests() {
        var dispatcher = dispatcher(ready: 2)
        _ = dispatcher.admit(1)
        #expect(dispatcher.beginGeneration() == [0])
        #expect(dispatcher.currentCount == 0 && dispatcher.activeCount == 1)
    }

    @Test func theLongestIdleComeFirst() {
        let dispatcher = dispatcher(ready: 3)
        #expect(dispatcher.idle(for: 8, at: 9, in: [.ready]) == [0, 1])
    }
}
