import LinuxSystem
import Testing

@testable import Supervisor

@Suite struct DeadlinesTests {
    @Test func actionsComeInTheOrderOfTheirEndsAndOnce() throws {
        let deadlines = try Deadlines(on: try EventLoop())
        var came: [String] = []
        deadlines.after(seconds: 2) { came.append("two") }
        deadlines.after(seconds: 1) { came.append("one") }
        let cancelled = deadlines.after(seconds: 1) { came.append("cancelled") }
        deadlines.cancel(cancelled)
        deadlines.advance(byMilliseconds: 999)
        #expect(came.isEmpty)
        deadlines.advance(byMilliseconds: 5000)
        deadlines.advance(byMilliseconds: 5000)
        #expect(came == ["one", "two"])
    }

    @Test func anActionMayCancelAnotherAndWaitAnew() throws {
        let deadlines = try Deadlines(on: try EventLoop())
        var came = 0
        var second: Deadlines.Token?
        deadlines.after(seconds: 1) {
            if let second { deadlines.cancel(second) }
            deadlines.after(seconds: 1) { came += 10 }
        }
        second = deadlines.after(seconds: 1) { came += 1 }
        deadlines.advance(byMilliseconds: 1000)
        #expect(came == 0)
        deadlines.advance(byMilliseconds: 1000)
        #expect(came == 10)
    }

    @Test func theEventLoopCountsTheTime() throws {
        let loop = try EventLoop()
        let deadlines = try Deadlines(on: loop)
        var isOver = false
        deadlines.after(seconds: 1) { isOver = true }
        let start = MonotonicClock.nanoseconds
        while !isOver { try loop.runOnce(timeoutInMilliseconds: 5000) }
        #expect(MonotonicClock.nanoseconds - start >= 1_000_000_000)
        // Nothing is waited for: the loop is left alone.
        #expect(try loop.runOnce(timeoutInMilliseconds: 700) == 0)
    }

    @Test func timeInWhichTheProcessDidNotRunIsNotCounted() throws {
        let loop = try EventLoop()
        let deadlines = try Deadlines(on: loop)
        var isOver = false
        deadlines.after(seconds: 2) { isOver = true }
        // As after a SIGSTOP: the loop does not turn for longer than the wait.
        try EventLoop().runOnce(timeoutInMilliseconds: 2500)
        try loop.runOnce(timeoutInMilliseconds: 0)
        #expect(!isOver)
    }
}
