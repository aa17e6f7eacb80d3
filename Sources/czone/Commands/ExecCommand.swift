import AgentProtocol
import ArgumentParser
import ControlProtocol
import LinuxSystem
import OCI
import Runtime

struct ExecCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec", abstract: "Runs a further program in a container.")

    @OptionGroup var global: GlobalOptions
    @Flag(name: [.short, .long], help: "Give it this command's standard input.")
    var interactive = false
    @Flag(name: [.short, .long], help: "Give it a terminal.")
    var tty = false
    @Option(name: [.short, .long], help: "NAME=VALUE for its environment; NAME alone takes this command's.")
    var env: [String] = []
    @Option(name: [.short, .long], help: "The directory that it starts in.")
    var workdir: String?
    @Option(name: [.short, .long], help: "Who it runs as: a user or number, with or without :group.")
    var user: String?
    @Argument(help: "Which container.")
    var container: String
    @Argument(parsing: .captureForPassthrough, help: "The program and its arguments.")
    var command: [String]

    func run() throws {
        try global.perform { throw ExitCode(try execute()) }
    }

    private func execute() throws -> Int32 {
        let registry = try global.registry()
        let (machine, id) = try registry.runningContainer(container)
        guard let record = try registry.container(matching: id).record() else {
            throw RuntimeError.noContainer(container)
        }
        var execution = Execution(
            record: record, arguments: command.first == "--" ? Array(command.dropFirst()) : command)
        var options = RunOptions()
        options.environment = env
        execution.environment = try Environment.words(of: options)
        execution.workingDirectory = workdir
        execution.hasTerminal = tty
        if let user { execution.identity = try global.images().find(record.imageDigest)?.accounts.identity(of: user) }
        if tty, interactive, Terminal(StandardStream.input.descriptor) == nil {
            throw RuntimeError.invalid("--tty with --interactive needs a terminal as standard input: leave out -t")
        }
        let (streams, far) = try StreamEnds.make(input: interactive, terminal: tty)
        guard let connection = try machine.connect() else { throw RuntimeError.notRunning(id) }
        let request = try execution.send(to: connection, far, keeping: registry.filters)
        return try follow(
            ForegroundSession(connection: connection, request: request, container: id, streams: streams, terminal: tty),
            record)
    }

    private func follow(_ session: ForegroundSession, _ record: ContainerRecord) throws -> Int32 {
        switch try session.run() {
        case .exited(let exit):
            let reason = Registry.explanation(of: exit, record)
            if !reason.isEmpty { printError(exit.outOfMemory ? "killed: \(reason)" : "czone: \(reason)") }
            return Int32(exit.code)
        case .refused(let refusal):
            report(refusal.text)
            return refusal.exitCode
        case .interrupted(let signal): return 128 + signal
        case .virtualMachineEnded: throw RuntimeError.invalid("the container's VM ended")
        }
    }
}
