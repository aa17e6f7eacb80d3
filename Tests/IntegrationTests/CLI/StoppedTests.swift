import FileShare
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

    /// A container with a volume that has `file`, and the process that serves it, which is stopped.
    private func holderOfAStoppedVolume(_ directory: String) throws -> (name: String, server: OwnedDescriptor) {
        try FileSystem.replace("\(directory)/file", with: Array("text\n".utf8))
        let name = try host.runDetached(["-v", "\(directory):/data"], ["sleep", "1000"])
        try #require(try host.czone(["exec", name, "cat", "/data/file"]).output == "text\n")
        let path = try host.machineDirectory().path + "/files-pid"
        let text = String(decoding: try #require(try FileSystem.contents(of: path, atMost: 32)), as: UTF8.self)
        let number = try #require(Int32(text.prefix { $0 != "\n" }))
        let server = try #require(try watch(process: number))
        sendSignal(SIGSTOP, to: server)
        return (name, server)
    }

    /// How long a file server that gives no sign of life is waited for, in seconds: `FileServerPatience`.
    private static let fileServerPatience = FileServerPatience.standard.quiet + FileServerPatience.standard.sign

    @Test func aStoppedFileServerCostsItsVolumesAndNothingElse() throws {
        let directory = try TemporaryDirectory()
        let bystander = try host.runDetached([], ["sleep", "1000"])
        let (holder, server) = try holderOfAStoppedVolume(directory.path)
        defer { sendSignal(SIGKILL, to: server) }
        let reading = try host.start(["exec", holder, "cat", "/data/file"])
        #expect(try host.czone(["exec", bystander, "true"]).status == 0)
        let read = try reading.result(within: Self.fileServerPatience + Self.slackInSeconds)
        #expect(!read.timedOut && read.status == 1 && read.error.contains("Input/output error"), "\(read.error)")
        let bytes = try FileSystem.tail(of: host.machineDirectory().logPath, atMost: 16 << 10) ?? []
        let log = String(decoding: bytes, as: UTF8.self)
        #expect(log.contains("the process that serves the VM's volumes is given up"), "\(log)")
        // What still asks for the lost volume fails at once, and the next container brings another server.
        #expect(
            try host.start(["exec", holder, "cat", "/data/file"]).result(within: Self.slackInSeconds).status == 1)
        let again = try host.run(["-v", "\(directory.path):/data"], ["cat", "/data/file"])
        #expect(again.output == "text\n", "\(again.error)")
        // The stopped one learns of it when it goes on.
        #expect(try !server.isReadable(by: Deadline(inMilliseconds: 0)))
        sendSignal(SIGCONT, to: server)
        #expect(try server.isReadable(by: Deadline(inMilliseconds: 30_000)))
        for name in [holder, bystander] { #expect(try host.czone(["rm", "--force", name]).status == 0) }
        #expect(try host.machines().allSatisfy { $0.zones.quarantined == 0 && $0.zones.plugged == 0 })
    }

    @Test func aContainerIsAttachedAndRemovedWhileTheFileServerIsStopped() throws {
        let directory = try TemporaryDirectory()
        let (holder, server) = try holderOfAStoppedVolume(directory.path)
        defer { sendSignal(SIGKILL, to: server) }
        let reading = try host.start(["exec", holder, "cat", "/data/file"])
        let attached = try host.start(["run", "--rm", "-v", "\(directory.path):/data", host.image, "cat", "/data/file"])
        // Its process that waits for a file can only be killed when that was refused.
        let removed = try host.start(["rm", "--force", holder]).result(
            within: Self.fileServerPatience + 2 * Self.slackInSeconds)
        #expect(!removed.timedOut && removed.status == 0, "\(removed.error)")
        let ran = try attached.result(within: Self.fileServerPatience + 2 * Self.slackInSeconds)
        #expect(!ran.timedOut && ran.output == "text\n", "\(ran.error)")
        #expect(try !reading.result(within: Self.slackInSeconds).timedOut)
        #expect(try host.waits { try host.machines().allSatisfy { $0.zones.plugged == 0 } })
        #expect(try host.machines().allSatisfy { $0.zones.quarantined == 0 })
    }

    @Test func aVMEndsWhileItsFileServerIsStopped() throws {
        let directory = try TemporaryDirectory()
        let (holder, server) = try holderOfAStoppedVolume(directory.path)
        defer { sendSignal(SIGKILL, to: server) }
        let reading = try host.start(["exec", holder, "cat", "/data/file"])
        let stopped = try host.start(["vm", "stop", "--all"]).result(within: Self.slackInSeconds)
        #expect(!stopped.timedOut && stopped.status == 0, "\(stopped.error)")
        #expect(try !reading.result(within: Self.slackInSeconds).timedOut)
        #expect(try host.czone(["rm", holder]).status == 0)
        #expect(try host.isClean())
        // With the VM's directory goes what is left in its control groups.
        #expect(try server.isReadable(by: Deadline(inMilliseconds: 10_000)))
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
