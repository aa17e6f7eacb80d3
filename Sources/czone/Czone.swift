import ArgumentParser
import Glibc
import LinuxSystem

/// The command `czone`.
@main
struct Czone: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "czone",
        abstract: "Runs several containers of one function in one microVM, each in a memory zone of its own.",
        discussion: """
            Exit codes: 0; 1 failure; 2 wrong usage; of run and exec the program's own, 128 + the signal that killed it, \
            126 where it cannot be run, 127 where it is not found.
            """,
        version: "0.1.0",
        groupedSubcommands: [
            CommandGroup(
                name: "Containers",
                subcommands: [
                    RunCommand.self, ExecCommand.self, PsCommand.self, LogsCommand.self, KillCommand.self,
                    RmCommand.self,
                    PauseCommand.self, UnpauseCommand.self, StatsCommand.self, ZonesCommand.self, MetricsCommand.self,
                ]),
            CommandGroup(
                name: "Functions", subcommands: [ServeCommand.self, FunctionCommand.self, FabricCommand.self]),
            CommandGroup(
                name: "VMs and images",
                subcommands: [VMCommand.self, ImageCommand.self, TemplateCommand.self, BootCommand.self]),
            CommandGroup(name: "This host", subcommands: [DoctorCommand.self, BenchCommand.self]),
        ])

    static func main() {
        CurrentProcess.openMissingStreams()
        let arguments = GlobalOptions.takingLeading(CurrentProcess.arguments)
        if arguments.first == "run", let run = RunArguments(Array(arguments.dropFirst())) {
            Glibc.exit(RunCommand.run(run))
        }
        do {
            var command = try parseAsRoot(arguments)
            try command.run()
        } catch {
            end(with: error)
        }
    }

    /// Says what is wrong, or what was asked for, and ends the process with the code that belongs to it.
    private static func end(with error: any Error) -> Never {
        let code = exitCode(for: error)
        let message = fullMessage(for: error)
        if code == .success {
            if !message.isEmpty { print(message) }
        } else if !message.isEmpty {
            printError(message)
        }
        Glibc.exit(code == .validationFailure ? 2 : code.rawValue)
    }
}
