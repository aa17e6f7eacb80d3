import LinuxSystem
import TestSupport
import Testing

/// Who shares a VM, and what becomes of its zones.
@Suite(.needsKVM, .serialized, .sharedContainerHost) struct SharingTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost.shared() }

    @Test func twoContainersOfOneFunctionShareAVM() throws {
        // Several VMs are counted: a host of its own.
        let host = try ContainerHost()
        let names = try [host.runDetached([], ["sleep", "1000"]), host.runDetached([], ["sleep", "1000"])]
        #expect(try host.machines().count == 1)
        let usages = try host.usages()
        #expect(Set(usages.map(\.id)) == Set(names))
        #expect(Set(usages.map(\.zone.node)).count == 2)
        #expect(
            usages.allSatisfy { $0.zone.sizeBytes >= 128 << 20 && $0.zone.pluggedBytes == 128 << 20 && $0.pids == 1 })
        _ = try host.runDetached(["--tenant", "other"], ["sleep", "1000"])
        _ = try host.runDetached(["--function", "other"], ["sleep", "1000"])
        #expect(try host.machines().count == 3)
        #expect(try Set(host.machines().map(\.tenant)) == ["default", "other"])
    }

    @Test func sixteenAtOnceHaveSixteenZones() throws {
        let script = """
            for i in $(seq 16); do czone run --rm --name c$i $IMAGE sh -c "echo c$i; sleep 3" & done
            wait
            """
        let result = try host.shell(script, within: 300)
        #expect(
            Set(result.output.split(separator: "\n").map(String.init)) == Set((1...16).map { "c\($0)" }),
            "\(result.error)")
        #expect(try host.machines().count == 1)
        #expect(try host.waits { try host.machines().first?.zones.plugged == 0 })
        #expect(try host.machines().first?.zones.quarantined == 0)
        #expect(try host.containers().isEmpty)
    }

    @Test func aZonesMemoryComesBack() throws {
        _ = try host.run([], ["true"])
        let fill = ["sh", "-c", "head -c 100000000 /dev/zero >/tmp/x; sync; sleep 1000"]
        let name = try host.runDetached([], fill)
        #expect(try host.waits { try (host.machines().first?.memory.zonesResidentBytes ?? 0) > 95_000_000 })
        #expect(try host.czone(["rm", "-f", name]).status == 0)
        #expect(try host.waits { try host.machines().first?.zones.plugged == 0 })
        #expect(try (host.machines().first?.memory.zonesResidentBytes ?? .max) < 1 << 20)
    }

    @Test func oneThatNeedsTooMuchIsKilledAlone() throws {
        let sibling = try host.runDetached([], ["sleep", "1000"])
        let greedy = ["sh", "-c", "head -c 500000000 /dev/zero | tail"]
        let result = try host.czone(["run", "--memory", "128M", "--name", "greedy", host.image] + greedy)
        #expect(result.status == 137, "\(result.error)")
        #expect(result.error.contains("killed: it needed more than its zone of 128 MiB"), "\(result.error)")
        let ended = try #require(try host.containers().first { $0.id == "greedy" })
        #expect(ended.exit?.code == 137)
        #expect(ended.exit?.outOfMemory == true)
        #expect(ended.exit?.reason.contains("128 MiB") == true)
        #expect(try host.czone(["exec", sibling, "true"]).status == 0)
        #expect(try host.waits { try host.machines().reduce(0) { $0 + $1.zones.plugged } == 1 })
        #expect(try host.czone(["rm", "greedy"]).status == 0)
    }

    @Test func furtherProgramsRunInAContainer() throws {
        let name = try host.runDetached(["-e", "A=1"], ["sh", "-c", "echo secret >/tmp/file; sleep 1000"])
        #expect(try host.waits { try host.czone(["exec", name, "cat", "/tmp/file"]).output == "secret\n" })
        #expect(try host.czone(["exec", "-e", "B=2", name, "sh", "-c", "echo $A$B; exit 5"]).status == 5)
        #expect(try host.shell("echo in | czone exec -i \(name) cat").output == "in\n")
        #expect(try host.czone(["exec", name, "nosuchprogram"]).status == 127)
        #expect(try host.czone(["exec", "-u", "7", name, "id", "-u"]).output == "7\n")
        #expect(try host.czone(["exec", "nobody", "true"]).status == 1)
    }

    @Test func logsAreKeptAndFollowed() throws {
        let name = try host.runDetached(
            [], ["sh", "-c", "for i in 1 2 3; do echo line $i; sleep 1; done; echo oops >&2"])
        let followed = try host.czone(["logs", "-f", name])
        #expect(followed.output == "line 1\nline 2\nline 3\n")
        #expect(followed.error == "oops\n")
        #expect(try host.czone(["logs", "--tail", "1", name]).error == "oops\n")
        #expect(try host.czone(["rm", name]).status == 0)
    }

    @Test func killSendsAnySignal() throws {
        let name = try host.runDetached([], ["sh", "-c", "trap 'exit 3' USR1; while :; do sleep 0.1; done"])
        #expect(
            try host.waits {
                try host.czone(["exec", name, "grep", "SigCgt:.*[2367abef]..$", "/proc/1/status"]).status == 0
            })
        #expect(try host.czone(["kill", "-s", "USR1", name]).status == 0)
        #expect(try host.waits { try host.containers().first { $0.id == name }?.exit?.code == 3 })
        #expect(try host.czone(["kill", name]).status == 1)
    }
}
