import ArgumentParser
import ControlProtocol
import Runtime

struct KillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kill", abstract: "Sends a signal to the first process of containers.")

    @OptionGroup var global: GlobalOptions
    @Option(name: [.short, .long], help: "A signal's name or number.")
    var signal: SignalNumber = .kill
    @Flag(name: [.short, .long], help: "To every process of the containers.")
    var all = false
    @Argument(help: "Which containers.")
    var containers: [String]

    func run() throws {
        try global.performForEach(containers) { registry, name in
            let (machine, id) = try registry.runningContainer(name)
            _ = try machine.ask(.signal(container: id, process: 0, signal: UInt32(signal.number), all: all))
        }
    }
}

/// Does something for each; a failure is reported and does not keep the others from their turn.
func forEach(_ names: [String], _ body: (String) throws -> Void) throws {
    var hasFailed = false
    for name in names {
        do { try body(name) } catch {
            report("\(error)")
            hasFailed = true
        }
    }
    if hasFailed { throw ExitCode(1) }
}

/// A signal as users name it: `KILL`, `SIGKILL`, `9`.
struct SignalNumber: ExpressibleByArgument, CustomStringConvertible {
    let number: Int32
    static let kill = SignalNumber(number: 9)

    /// signal(7), x86-64.
    private static let names: [String: Int32] = [
        "HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "BUS": 7, "FPE": 8, "KILL": 9, "USR1": 10,
        "SEGV": 11,
        "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15, "STKFLT": 16, "CHLD": 17, "CONT": 18, "STOP": 19, "TSTP": 20,
        "TTIN": 21, "TTOU": 22, "URG": 23, "XCPU": 24, "XFSZ": 25, "VTALRM": 26, "PROF": 27, "WINCH": 28, "IO": 29,
        "PWR": 30, "SYS": 31,
    ]

    private init(number: Int32) { self.number = number }

    init?(argument: String) {
        if let number = Int32(argument) {
            guard (1...64).contains(number) else { return nil }
            self.number = number
        } else {
            let upper = argument.uppercased()
            guard let number = Self.names[upper.hasPrefix("SIG") ? String(upper.dropFirst(3)) : upper] else {
                return nil
            }
            self.number = number
        }
    }

    var description: String { Self.names.first { $0.value == number }?.key ?? "\(number)" }
}
