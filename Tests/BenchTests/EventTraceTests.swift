import LinuxSystem
import Testing

@testable import Bench

@Suite struct EventTraceTests {
    @Test func aTraceThatIsMadeHasTheDatasetsShape() {
        let trace = EventTrace(functions: 1000, minutes: 240, seed: 7)
        let rates = trace.functions.map { Double($0.callsByMinute.reduce(0, +)) / 240 }.sorted()
        // 81 % at most once a minute, and the others nearly all calls.
        let rare = rates.prefix(810)
        #expect(rare.count { $0 <= 1.3 } > 780)
        #expect(rare.reduce(0, +) < 0.1 * rates.reduce(0, +))
        let durations = trace.functions.map(\.averageMilliseconds).sorted()
        #expect((800...1250).contains(durations[500]) && durations[950] <= 60_000)
        #expect((150...190).contains(trace.functions.map(\.memoryMegabytes).sorted()[500]))
    }

    @Test func theSameNumbersGiveTheSameTrace() {
        #expect(EventTrace(functions: 5, minutes: 60, seed: 1) == EventTrace(functions: 5, minutes: 60, seed: 1))
        #expect(EventTrace(functions: 5, minutes: 60, seed: 1) != EventTrace(functions: 5, minutes: 60, seed: 2))
    }

    @Test func theDatasetsLayoutIsReadAsItWasWritten() throws {
        let path = "/tmp/czone-trace-\(RandomBytes.bytes(6).map { String($0, radix: 16) }.joined())"
        defer { try? FileSystem.removeFile(path) }
        let trace = EventTrace(functions: 50, minutes: 30, seed: 3)
        try FileSystem.replace(path, with: Array(trace.csv.utf8))
        let read = try EventTrace(invocations: path, functions: 50, minutes: 30)
        #expect(read.calls == trace.calls)
        #expect(throws: EventTrace.Malformed.self) {
            try FileSystem.replace(path, with: Array("a,b\n1,2\n".utf8))
            _ = try EventTrace(invocations: path, functions: 1, minutes: 1)
        }
    }

    @Test func aCallIsDueInItsMinuteOfTheCompressedTime() {
        let function = EventTrace.Function(
            name: "f", callsByMinute: [0, 2], averageMilliseconds: 600, memoryMegabytes: 40)
        var trace = EventTrace(functions: 1, minutes: 1, seed: 0)
        trace.functions = [function]
        let calls = EventsBench(trace, speed: 60).calls
        #expect(calls.map(\.at) == [1250, 1750] && calls.map(\.milliseconds) == [10, 10])
    }
}
