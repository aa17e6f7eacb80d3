import ArgumentParser
import LinuxSystem
import OCI
import Runtime

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Checks the host, KVM, the guest kernel and the tools.",
        discussion: "Exit code 1 where containers cannot run.")

    @OptionGroup var global: GlobalOptions
    @Flag(help: "As JSON.")
    var json = false

    private struct Report: Encodable {
        var canRunContainers: Bool
        var examinations: [Examination]
    }

    func run() throws {
        try global.perform {
            let examinations = HostExaminations(
                registryRoot: try global.registry().root, storeRoot: try global.images().root
            ).all()
            let isFit = !examinations.contains { $0.verdict == .bad }
            if json {
                printOutput(try JSONText.report(Report(canRunContainers: isFit, examinations: examinations)))
            } else {
                printOutput(Self.text(examinations, isColoured: Terminal(StandardStream.output.descriptor) != nil))
            }
            if !isFit { throw ExitCode(1) }
        }
    }

    static func text(_ examinations: [Examination], isColoured: Bool) -> String {
        let width = examinations.map(\.name.count).max() ?? 0
        return examinations.map { examination in
            let (mark, colour) =
                switch examination.verdict {
                case .good: ("✓", 32)
                case .warning: ("!", 33)
                case .bad: ("✗", 31)
                }
            let name = examination.name + String(repeating: " ", count: width - examination.name.count)
            let line = "\(isColoured ? "\u{1B}[\(colour)m\(mark)\u{1B}[0m" : mark) \(name)  \(examination.finding)"
            let indent = String(repeating: " ", count: width + 4)
            return examination.mend.isEmpty ? line : "\(line)\n\(indent)→ \(examination.mend)"
        }.joined(separator: "\n")
    }
}
