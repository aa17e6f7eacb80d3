import LinuxSystem
import Logging
import Synchronization
import Testing

@testable import Logs

/// Takes the lines of a logger under test.
private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }

    func logger(_ format: LogFormat, level: Logger.Level = .info, metadata: Logger.Metadata = [:]) -> Logger {
        Logger(label: "test") { _ in
            LineLogHandler(program: "czone-vm", level: level, format: format, metadata: metadata) { [self] line in
                lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
            }
        }
    }
}

@Test func textIsForPeople() {
    let lines = Lines()
    let logger = lines.logger(.text, metadata: ["vm": "3f"])
    logger.warning("the guest broke a rule", metadata: ["device": "network"])
    logger.debug("not logged")
    logger.critical("it is over")
    #expect(
        lines.all == [
            "czone-vm: warning: the guest broke a rule (device=network, vm=3f)\n", "czone-vm: it is over (vm=3f)\n",
        ])
}

@Test func jsonIsAnObjectALine() throws {
    let lines = Lines()
    lines.logger(.json, metadata: ["vm": "3f"]).warning("a \"word\"\nand more", metadata: ["message": "not this"])
    let line = try #require(lines.all.first)
    #expect(line.hasPrefix("{\"time\":\"20"))
    #expect(
        line.hasSuffix(
            #","level":"warning","program":"czone-vm","message":"a \"word\"?and more","vm":"3f"}"# + "\n"))
}

@Test func whatAGuestSaysNeitherEndsALineNorSteersATerminal() {
    let lines = Lines()
    lines.logger(.text).warning("\u{1B}[31mred\r\n\u{9B}0m\u{2028}", metadata: ["x": "a\nb"])
    #expect(lines.all == ["czone-vm: warning: ?[31mred???0m? (x=a?b)\n"])
}

@Test(arguments: LogFormat.allCases)
func aLineIsBounded(format: LogFormat) {
    let lines = Lines()
    let long = String(repeating: "é\"", count: 10_000)
    let metadata = Dictionary(uniqueKeysWithValues: (0..<100).map { ("k\($0)", Logger.MetadataValue.string(long)) })
    lines.logger(format).warning("\(long)", metadata: metadata)
    #expect(lines.all.allSatisfy { $0.utf8.count <= (format == .text ? LogLine.maxBytes : 3 * LogLine.maxBytes) })
    #expect(lines.all.allSatisfy { $0.hasSuffix("\n") && !$0.unicodeScalars.contains("\u{FFFD}") })
}

@Test func aLimitLetsABurstThroughAndCountsTheRest() {
    let second: UInt64 = 1_000_000_000
    var limit = LogRateLimit(burst: 3, linesPerSecond: 2, now: 0)
    #expect((0..<5).map { _ in limit.admit(now: 0) } == [0, 0, 0, nil, nil])
    #expect(limit.admit(now: second / 2 - 1) == nil)
    #expect(limit.admit(now: second / 2) == 3)
    #expect(limit.admit(now: second / 2) == nil)
    // After a long silence no more than a burst.
    #expect((0..<4).map { _ in limit.admit(now: 100 * second) } == [1, 0, 0, nil])
    // A clock that went back lets nothing through.
    #expect(limit.admit(now: 0) == nil)
}
