import LinuxSystem
import TestSupport
import Testing

/// What is left when something is killed: nothing.
@Suite(.needsKVM, .serialized) struct CrashTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost() }

    @Test func aVMThatIsKilledIsCleanedUpByTheNextCommand() throws {
        let kept = try host.runDetached([], ["sleep", "1000"])
        _ = try host.runDetached(["--rm"], ["sleep", "1000"])
        let foreground = try host.start(["run", "--rm", host.image, "sleep", "1000"])
        #expect(try host.waits { try host.containers().filter { $0.state == "running" }.count == 3 })
        let machine = try #require(try host.machines().first)
        sendSignal(9, to: machine.pid)
        let result = try foreground.result()
        #expect(result.status == 1, "\(result.error)")
        #expect(result.error.contains("VM ended"), "\(result.error)")
        let containers = try host.containers()
        #expect(containers.map(\.id) == [kept])
        #expect(containers.first?.exit?.code == 255)
        #expect(containers.first?.exit?.reason.hasPrefix("its VM ended") == true)
        #expect(try host.machines().isEmpty)
        #expect(try host.czone(["rm", kept]).status == 0)
        #expect(try host.isClean())
        #expect(try host.run([], ["true"]).status == 0)
    }

    @Test func aClientThatIsKilledTakesItsContainerWithIt() throws {
        let client = try host.start(["run", "--rm", host.image, "sleep", "1000"])
        #expect(try host.waits { try host.containers().contains { $0.state == "running" } })
        sendSignal(9, to: client.processID)
        _ = try client.result()
        #expect(try host.waits { try host.containers().isEmpty })
        #expect(try host.waits { try host.machines().first?.zones.plugged == 0 })
        #expect(try host.machines().first?.containers == 0)
    }

    @Test func aClientThatIsKilledTakesWhatItExecutedWithIt() throws {
        let name = try host.runDetached([], ["sleep", "1000"])
        let client = try host.start(["exec", name, "sleep", "4321"])
        let runs = { try host.czone(["exec", name, "ps"]).output.contains("sleep 4321") }
        #expect(try host.waits { try runs() })
        sendSignal(9, to: client.processID)
        _ = try client.result()
        #expect(try host.waits { try !runs() })
        #expect(try host.containers().map(\.state) == ["running"], "the container lives on")
    }

    @Test func anInterruptedClientEndsWithItsContainer() throws {
        let client = try host.start(["run", "--rm", host.image, "sleep", "1000"])
        #expect(try host.waits { try host.containers().contains { $0.state == "running" } })
        // As a container's first process, sleep has no handler: only KILL ends it. So the signal does nothing …
        sendSignal(2, to: client.processID)
        #expect(try host.containers().count == 1)
        // … and the container still answers to its name.
        let name = try #require(try host.containers().first?.id)
        #expect(try host.czone(["kill", name]).status == 0)
        #expect(try client.result().status == 137)
        #expect(try host.containers().isEmpty)
    }

    @Test func aStoppedVMLeavesNothing() throws {
        _ = try host.runDetached(["--rm"], ["sleep", "1000"])
        let machine = try #require(try host.machines().first)
        #expect(try host.czone(["vm", "stop", machine.id]).status == 0)
        #expect(try FileSystem.status("/proc/\(machine.pid)") == nil)
        #expect(try host.isClean())
    }

    @Test func badInputIsOneLine() throws {
        let broken = host.directory + "/broken.tar"
        try FileSystem.replace(broken, with: Array(repeating: 7, count: 5000))
        for (arguments, status, word) in [
            (["/nowhere.tar"], 1, "/nowhere.tar"), (["nosuchimage"], 1, "nosuchimage"), ([broken], 1, "broken.tar"),
            (["--memory", "lots", host.image], 2, "lots"), (["--memory", "100T", host.image], 1, "100 TiB"),
            (["--volume", "/a:/b", host.image], 1, "\"/a\""), (["--volume", "name:/b", host.image], 1, "name:/b"),
            (["-v", "/tmp:/b:rx", host.image], 1, "/tmp:/b:rx"), (["-v", "/tmp:b", host.image], 1, "/tmp:b"),
            (["-v", "/dev/null:/b", host.image], 1, "/dev/null"), (["-v", "/tmp", host.image], 1, "SRC:DST"),
            (["--name", "../x", host.image], 1, "../x"),
            (["--user", "nobodythere", host.image], 1, "nobodythere"), (["-w", "relative", host.image], 1, "relative"),
        ] as [([String], Int32, String)] {
            let result = try host.czone(["run", "--rm"] + arguments)
            #expect(result.status == status, "\(arguments): \(result.error)")
            #expect(result.error.contains(word), "\(arguments): \(result.error)")
            if status == 1 { #expect(result.error.split(separator: "\n").count == 1, "\(result.error)") }
        }
        #expect(try host.containers().isEmpty)
    }
}
