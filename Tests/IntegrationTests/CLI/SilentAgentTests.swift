import LinuxSystem
import Runtime
import TestSupport
import Testing

/// The guest's agent is stopped while a container runs: every command ends within the bound that the VM has for it, with
/// one line that says why.
@Suite(.needsKVM, .serialized) struct SilentAgentTests {
    private let host: ContainerHost
    /// What a command takes besides its waits, in the emulated host too.
    private static let slackInSeconds = 40

    init() throws { host = try ContainerHost() }

    /// Of the VM's console, so far.
    private func console() throws -> String {
        let bytes = try FileSystem.tail(of: host.machineDirectory().consolePath, atMost: 64 << 10) ?? []
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func everyCommandEndsWithinItsBound() throws {
        let deed = """
            until busybox pidof usleep >/dev/null; do busybox sleep 0.2; done
            busybox kill -STOP $agent
            echo the agent is stopped >/dev/console
            """
        let environment = host.environment.merging(["CZONE_INITRAMFS": try host.makeInitramfs(doing: deed)]) { $1 }
        let start = { (arguments: [String]) in try Program("czone", arguments, environment: environment) }
        let started = try start(["run", "--detach", host.image, "sleep", "1000"]).result()
        try #require(started.status == 0, "\(started.error)")
        let name = String(started.output.prefix { $0 != "\n" })
        // By this the agent is stopped: it waits in the foreground as long as the VM lives.
        let followed = try start(["exec", name, "usleep", "2000000000"])
        try #require(try host.waits(atMost: 60) { try console().contains("the agent is stopped") })

        let patient: [(command: [String], seconds: Int)] = [
            (["exec", name, "true"], 60), (["pause", name], 60), (["kill", name], 30),
            (["run", "--rm", host.image, "true"], 100),
        ]
        let asking = try patient.map { (try start($0.command), $0.seconds) }
        // What the VM's process knows by itself is answered at once, and what containers use is left out.
        let (list, stats) = (try start(["ps", "--json"]), try start(["stats"]))
        let listed = try list.result(within: Self.slackInSeconds)
        #expect(listed.status == 0 && listed.output.contains("\"running\""), "\(listed.output) \(listed.error)")
        #expect(try stats.result(within: 8 + Self.slackInSeconds).status == 0)
        let metrics = try start(["metrics"]).result(within: Self.slackInSeconds)
        #expect(metrics.status == 0 && metrics.output.contains("czone_vm_up"), "\(metrics.error)")
        for (command, seconds) in asking {
            let result = try command.result(within: seconds + Self.slackInSeconds)
            #expect(!result.timedOut && result.status == 1, "\(result.output) \(result.error)")
            #expect(
                result.error.contains("the guest's agent has not answered within \(seconds) s"), "\(result.error)")
            #expect(result.error.split(separator: "\n").count == 1, "\(result.error)")
        }
        // The first of them was asked about 100 s ago; after 120 s the VM is given up, with what is in it.
        let ended = try followed.result(within: 60 + Self.slackInSeconds)
        #expect(!ended.timedOut && ended.status != 0, "\(ended.error)")
        #expect(ended.error.split(separator: "\n").count == 1, "\(ended.error)")
        #expect(try host.waits { try host.machines().isEmpty })
        let exit = try #require(try host.containers().first { $0.id == name }?.exit)
        #expect(
            exit.code == 255 && exit.reason.contains("the guest's agent has answered nothing for 120 s"), "\(exit)")
        #expect(try host.czone(["rm", name]).status == 0)
        #expect(try host.isClean())
    }
}
