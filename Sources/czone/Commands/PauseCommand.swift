import ArgumentParser
import ControlProtocol
import Runtime

struct PauseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Freezes containers, and gives what memory they do not use back to the host.",
        discussion: "A paused container is resumed by `czone unpause`, or when something is executed in it.")

    @OptionGroup var global: GlobalOptions
    @Argument(help: "Which containers.")
    var containers: [String]

    func run() throws { try setPaused(true, containers, global) }
}

struct UnpauseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "unpause", abstract: "Lets paused containers go on.")

    @OptionGroup var global: GlobalOptions
    @Argument(help: "Which containers.")
    var containers: [String]

    func run() throws { try setPaused(false, containers, global) }
}

private func setPaused(_ isPaused: Bool, _ containers: [String], _ global: GlobalOptions) throws {
    try global.performForEach(containers) { registry, name in
        let (machine, id) = try registry.runningContainer(name)
        _ = try machine.ask(.pause(container: id, paused: isPaused))
    }
}
