import ArgumentParser
import LinuxSystem
import Runtime

struct LogsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Shows what a detached container has printed.")

    @OptionGroup var global: GlobalOptions
    @Flag(name: [.short, .long], help: "Go on until it ends.")
    var follow = false
    @Flag(name: [.short, .long], help: "With the time of each line.")
    var timestamps = false
    @Option(name: [.customShort("n"), .long], help: "Only the last so many lines.")
    var tail: Int?
    @Argument(help: "Which container.")
    var container: String

    func run() throws {
        try global.perform {
            let registry = try global.registry()
            try registry.cleanUp()
            let directory = try registry.container(matching: container)
            // Before the first look, so that nothing is missed between them.
            let watch = try follow ? LogReader.watch(directory) : nil
            guard var reader = try LogReader(directory) else {
                throw RuntimeError.invalid(
                    "the container \(directory.id) has no log: what it prints goes to its `czone run`")
            }
            try show(try lastLines(&reader))
            guard let watch else { return }
            while try directory.isAlive() {
                _ = try wait(for: [(watch.descriptor, .readable)])
                watch.drain()
                try show(try rest(&reader))
            }
            try show(try rest(&reader))
        }
    }

    /// All that is there, or the end of it.
    private func lastLines(_ reader: inout LogReader) throws -> [LogReader.Entry] {
        guard let tail else { return try rest(&reader) }
        var kept: [LogReader.Entry] = []
        while true {
            let entries = try reader.next()
            if entries.isEmpty { return kept }
            kept = (kept + entries).suffix(max(0, tail))
        }
    }

    private func rest(_ reader: inout LogReader) throws -> [LogReader.Entry] {
        var all: [LogReader.Entry] = []
        while true {
            let entries = try reader.next()
            if entries.isEmpty { return all }
            all += entries
        }
    }

    private func show(_ entries: [LogReader.Entry]) throws {
        for entry in entries {
            let prefix = timestamps ? Array("\(entry.time) ".utf8) : []
            let stream = entry.isError ? StandardStream.error : StandardStream.output
            try stream.descriptor.write(all: prefix + entry.text)
        }
    }
}
