import Glibc
import LinuxSystem
import TestSupport
import Testing

/// What a container prints goes to somebody who has stopped reading.
@Suite(.needsKVM, .serialized, .sharedContainerHost) struct UnreadOutputTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost.shared() }

    /// - Parameter arguments: of `czone run`, whose output goes into a fifo that is open for reading and never read.
    private func start(_ fifo: String, _ arguments: String) throws -> Program {
        try Program(
            "bash", ["-c", "exec czone run --rm \(arguments) 1<>\(fifo)"],
            environment: host.environment.merging(["IMAGE": host.image]) { $1 })
    }

    @Test func itHoldsUpItsContainerAlone() throws {
        let fifo = "\(host.directory)/fifo"
        try #require(try TestSupport.run("mkfifo", [fifo]).status == 0)
        let other = try host.runDetached([], ["sleep", "1000"])
        let command = try start(fifo, "$IMAGE yes")
        #expect(try host.waits(atMost: 60) { try host.containers().count { $0.state == "running" } == 2 })
        let printing = try #require(try host.containers().first { $0.id != other }?.id)
        // It stands still when its client takes no more.
        var (last, still) = (UInt64(0), 0)
        #expect(
            try host.waits(atMost: 120) {
                let now = try host.usages().first { $0.id == printing }?.cpuNs ?? 0
                (last, still) = (now, now == last && now > 0 ? still + 1 : 0)
                return still == 5
            })
        for command in [
            ["exec", other, "true"], ["exec", printing, "true"], ["pause", printing], ["unpause", printing],
        ] {
            let result = try host.start(command).result(within: 30)
            #expect(!result.timedOut && result.status == 0, "\(command) \(result.error)")
        }
        #expect(try host.run([], ["echo", "else"], within: 60).output == "else\n")
        // Its last words have 30 s to be read, half of the time that an end may take; then they are dropped.
        let removed = try host.start(["rm", "--force", printing]).result(within: 30 + 60)
        #expect(!removed.timedOut && removed.status == 0, "\(removed.error)")
        #expect(try host.waits { try host.machines().allSatisfy { $0.zones.plugged == 1 } })
        // Its client alone waits for its reader, and can be ended.
        sendSignal(SIGTERM, to: command.processID)
        #expect(try !command.result(within: 30).timedOut)
        #expect(try host.containers().map(\.id) == [other])
    }
}
