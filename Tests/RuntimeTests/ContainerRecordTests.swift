import FoundationEssentials
import OCI
import Testing

@testable import Runtime

private func readBack(_ record: ContainerRecord) throws -> ContainerRecord {
    try JSONDecoder().decode(ContainerRecord.self, from: Data(try #require(record.plainJSON)))
}

@Test func recordsAreWrittenAsCodableReadsThem() throws {
    let bench = try Bench()
    var record = bench.record("one")
    #expect(try readBack(record) == record)
    record.virtualMachine = "abc"
    record.process = try #require(
        try RuntimeSpec.default(
            for: ImageConfig(cmd: ["/bin/app"]), accounts: Accounts(),
            arguments: ["a \"quoted\" \\ text", "\u{1}\n\t é 🙂", ""],
            environment: ["X=/", "Y=1=2"], user: "5:6", terminal: true, hostname: "h"
        ).process)
    record.process.user.umask = 0o22
    record.process.oomScoreAdj = -5
    record.process.noNewPrivileges = true
    #expect(try readBack(record) == record)
}

@Test func whatIsNotPlainIsLeftToCodable() throws {
    let bench = try Bench()
    var record = bench.record("one")
    record.seccomp = DefaultSeccompProfile.seccomp()
    #expect(record.plainJSON == nil)
    record.seccomp = nil
    record.process.consoleSize = RuntimeSpec.ConsoleSize(height: 1, width: 2)
    #expect(record.plainJSON == nil)
    let (directory, _) = try bench.registry.enter(record)
    #expect(try directory.record() == record)
}
