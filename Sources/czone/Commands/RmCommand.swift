import ArgumentParser
import Runtime

struct RmCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rm", abstract: "Removes containers that have ended.")

    @OptionGroup var global: GlobalOptions
    @Flag(name: [.short, .long], help: "Those that run too: they are killed.")
    var force = false
    @Argument(help: "Which containers.")
    var containers: [String]

    func run() throws {
        try global.performForEach(containers) { registry, name in
            try registry.removeContainer(name, force: force)
        }
    }
}
