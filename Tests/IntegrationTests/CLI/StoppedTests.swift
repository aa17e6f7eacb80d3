import Glibc
import LinuxSystem
import Runtime
import TestSupport
import Testing

/// A VM whose process is stopped (SIGSTOP) keeps no command for longer than `ControlTimeouts` states.
@Suite(.needsKVM, .serialized) struct StoppedTests {
    private let host: ContainerHost
    /// What a command takes besides its waits, in the emulated host too.
    private static let slackInSeconds = 15

    init() throws { host = try ContainerHost() }

    /// Runs the command while the VM is stopped; it must end within so many milliseconds.
    private func result(_ command: Program, within milliseconds: CInt) throws -> ProgramResult {
        try command.result(within: Int(milliseconds) / 1000 + Self.slackInSeconds)
    }

    @Test func everyCommandEndsWithinItsBound() throws {
        let timeouts = ControlTimeouts.standard
        let silence = timeouts.sending + 2 * timeouts.signOfLife
        let name = try host.runDetached([], ["sleep", "1000"])
        let machine = try #require(try host.machines().first)
        sendSignal(SIGSTOP, to: machine.pid)
        defer { sendSignal(SIGCONT, to: machine.pid) }
        let (list, stats) = (try host.start(["ps", "--json"]), try host.start(["stats"]))
        let asking = try [["exec", name, "true"], ["kill", name], ["pause", name]].map { try host.start($0) }
        let run = try host.start(["run", "--rm", host.image, "echo", "elsewhere"])
        let listed = try result(list, within: timeouts.report)
        #expect(listed.status == 0 && listed.output.contains("\"unknown\""), "\(listed.output) \(listed.error)")
        #expect(try result(stats, within: timeouts.report).status == 0)
        for command in asking {
            let asked = try result(command, within: silence)
            #expect(asked.status == 1)
            #expect(asked.error.contains("the VM \(machine.id) has not answered within 20 s"), "\(asked.error)")
            #expect(asked.error.split(separator: "\n").count == 1, "\(asked.error)")
        }
        // The container goes to another VM.
        let ran = try result(run, within: timeouts.offer + timeouts.start)
        #expect(ran.status == 0 && ran.output == "elsewhere\n", "\(ran.error)")
        // What is to go whatever happens goes with its VM.
        let removed = try result(try host.start(["rm", "--force", name]), within: silence + 10_000)
        #expect(removed.status == 0, "\(removed.error)")
        #expect(try FileSystem.status("/proc/\(machine.pid)") == nil)
        #expect(try !host.containers().contains { $0.id == name })
    }

    @Test func aVMThatGoesOnIsAsBefore() throws {
        let name = try host.runDetached([], ["sleep", "1000"])
        let machine = try #require(try host.machines().first)
        sendSignal(SIGSTOP, to: machine.pid)
        // Not a kill: what it was asked meanwhile, it does when it goes on.
        #expect(try host.czone(["exec", name, "true"], within: 60).status == 1)
        sendSignal(SIGCONT, to: machine.pid)
        #expect(try host.czone(["exec", name, "true"]).status == 0)
        #expect(try host.machines().map(\.state) == ["ready"])
    }
}
