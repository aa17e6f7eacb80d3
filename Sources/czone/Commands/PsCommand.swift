import ArgumentParser
import Runtime

struct PsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "ps", abstract: "Lists containers.")

    @OptionGroup var global: GlobalOptions
    @Flag(name: [.short, .long], help: "Those that have ended too, and why.")
    var all = false
    @Flag(name: [.short, .long], help: "Names only.")
    var quiet = false
    @Flag(help: "As JSON.")
    var json = false

    func run() throws {
        try global.perform {
            let registry = try global.registry()
            try registry.cleanUp()
            let statuses = try registry.containerStatuses().filter { all || $0.state != .exited }
            if json { return printOutput(try JSONText.report(statuses)) }
            if quiet { return statuses.forEach { printOutput($0.id) } }
            printOutput(Self.table(statuses, now: currentTimeInNanoseconds()))
        }
    }

    static func table(_ statuses: [ContainerStatus], now: UInt64) -> String {
        var table = Table(["ID", "IMAGE", "COMMAND", "AGE", "STATUS", "ZONE", "VM", "TENANT"])
        for status in statuses {
            table.add([
                status.id, status.image.shortened(to: 40), status.command.joined(separator: " ").shortened(to: 30),
                age(since: status.createdNs, now: now), word(for: status, now: now),
                ByteSize(bytes: status.zoneBytes).description, status.vm, status.tenant,
            ])
        }
        return table.text
    }

    private static func word(for status: ContainerStatus, now: UInt64) -> String {
        guard let exit = status.exit else { return status.state.rawValue }
        let when = "exited (\(exit.code)) \(age(since: exit.timeNs, now: now)) ago"
        return exit.reason.isEmpty ? when : "\(when): \(exit.reason)"
    }
}
