import OCI
import Testing

@testable import Runtime
@testable import czone

@Test func tablesAreAligned() {
    var table = Table(["ID", "SIZE", "NAME"], rightAligned: [1])
    table.add(["a", "10 MiB", "x"])
    table.add(["abc", "5 B", ""])
    #expect(table.text == "ID      SIZE   NAME\na     10 MiB   x\nabc      5 B")
}

@Test func agesHaveOneUnit() {
    let second: UInt64 = 1_000_000_000
    #expect(age(since: 0, now: 5 * second) == "5 s")
    #expect(age(since: 0, now: 300 * second) == "5 min")
    #expect(age(since: 0, now: 10_000 * second) == "2 h")
    #expect(age(since: 0, now: 1_000_000 * second) == "11 days")
    #expect(age(since: 5, now: 0) == "0 s")
}

private func zone(_ node: UInt32, _ state: String, used: UInt64 = 0, resident: UInt64 = 0, plugged: UInt64 = 0)
    -> MemoryReport.Zone
{
    MemoryReport.Zone(
        node: node, base: 0, sizeBytes: 128 << 20, state: state, pluggedBytes: plugged, usedBytes: used,
        residentBytes: resident,
        container: state == "online" ? "box\(node)" : "", reason: "")
}

@Test func zonesAreDrawnToScale() {
    let map = MemoryReport(
        vm: "0123456789ab", function: "hello", tenant: "default", state: "ready",
        base: MemoryReport.Base(sizeBytes: 256 << 20, residentBytes: 64 << 20),
        zones: [
            zone(1, "online", used: 32 << 20, resident: 64 << 20, plugged: 128 << 20), zone(2, "free"), zone(3, "free"),
            zone(4, "free"),
            zone(5, "draining", plugged: 128 << 20),
        ])
    let text = ZoneDrawing(isColoured: false, columns: 76).text(map)
    #expect(
        text == """
            VM 0123456789ab  hello  tenant default  ready
              base          256 MiB ████░░░░░░░░░░░░ 64 MiB resident
              zone 1        128 MiB ████▓▓▓▓░░░░░░░░ box1  used 32 MiB, resident 64 MiB
              zones 2–4     128 MiB ················ free, each
              zone 5        128 MiB ░░░░░░░░░░░░░░░░ draining  used 0 B, resident 0 B
            """)
    #expect(ZoneDrawing(isColoured: true, columns: 76).text(map).contains("\u{1B}["))
}

@Test func progressIsABar() {
    let half = ImportProgress(.unpacking, bytesDone: 50 << 20, bytesTotal: 100 << 20)
    #expect(
        ProgressBar.line(half)
            == "unpacking the image \(String(repeating: "█", count: 16))\(String(repeating: "░", count: 16)) 50 % of 100 MiB"
    )
    #expect(ProgressBar.line(ImportProgress(.waiting)) == "waiting the image … 0 B")
}

@Test func capabilitiesAreChosenAsDockerDoes() throws {
    let sets = RuntimeSpec.Capabilities(
        bounding: ["CAP_CHOWN", "CAP_KILL"], effective: ["CAP_CHOWN", "CAP_KILL"], permitted: ["CAP_CHOWN", "CAP_KILL"])
    #expect(
        try CapabilityChoice(adding: ["net_admin"], dropping: ["CAP_KILL"]).applied(to: sets).effective == [
            "CAP_CHOWN", "CAP_NET_ADMIN",
        ])
    #expect(try CapabilityChoice(adding: ["CHOWN"], dropping: ["ALL"]).applied(to: sets).bounding == ["CAP_CHOWN"])
    #expect(throws: RuntimeError.self) { try CapabilityChoice(adding: ["FLY"], dropping: []) }
    var user = sets
    (user.effective, user.permitted) = ([], [])
    #expect(try CapabilityChoice(adding: ["ALL"], dropping: []).applied(to: user).effective == [])
}

@Test func processorTimeIsAShareOfTheTimeThatHasPassed() {
    func row(_ nanoseconds: UInt64, before: UInt64) -> String {
        let usage = ContainerUsage(
            id: "box", function: "f", tenant: "t", vm: "v",
            zone: ContainerUsage.Zone(
                node: 1, base: 0, sizeBytes: 0, pluggedBytes: 0, usedBytes: 0, residentBytes: 0), cpuNs: nanoseconds,
            pids: 1, memoryBytes: 0, memoryLimitBytes: 0)
        return StatsCommand.table([usage], since: (["box": before], 1_000_000_000)).text
    }
    #expect(row(1_500_000_000, before: 1_000_000_000).contains(" 50.0 %"))
    #expect(row(12_345_678, before: 0).contains(" 1.2 %"))
    // A thousand times so much would be more than a number holds.
    #expect(row(.max, before: 0).contains("1844674407370.9 %"))
}
