import ArgumentParser
import Runtime

struct StatsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "stats", abstract: "Shows what containers use.")

    @OptionGroup var global: GlobalOptions
    @Flag(name: [.short, .long], help: "Again every second.")
    var watch = false
    @Flag(help: "As JSON.")
    var json = false
    @Argument(help: "Which containers; by default all that run.")
    var containers: [String] = []

    func run() throws {
        try global.perform {
            let registry = try global.registry()
            try registry.cleanUp()
            guard watch else {
                let usages = try self.usages(registry)
                return printOutput(
                    json ? try JSONText.report(usages) : Array((Self.table(usages, since: nil).text + "\n").utf8))
            }
            var former: (usages: [String: UInt64], time: UInt64)?
            try Screen.watch(everyMilliseconds: 1000) {
                let (usages, now) = (try self.usages(registry), currentTimeInNanoseconds())
                let table = Self.table(usages, since: former.map { ($0.usages, now - $0.time) })
                former = (Dictionary(usages.map { ($0.id, $0.cpuNs) }) { first, _ in first }, now)
                return json ? String(decoding: try JSONText.report(usages), as: UTF8.self) : table.text
            }
        }
    }

    private func usages(_ registry: Registry) throws -> [ContainerUsage] {
        let wanted = try Set(containers.map { try registry.container(matching: $0).id })
        return try registry.describedMachines(measured: true).flatMap(\.usages)
            .filter { wanted.isEmpty || wanted.contains($0.id) }
    }

    /// `former`: each container's CPU time at an earlier moment, and how long ago that was, both in nanoseconds.
    static func table(_ usages: [ContainerUsage], since former: (usages: [String: UInt64], elapsed: UInt64)?) -> Table {
        var table = Table(
            ["ID", "FUNCTION", "VM", "ZONE", "CPU", "MEMORY", "LIMIT", "PLUGGED", "RESIDENT", "PROCESSES"],
            rightAligned: [3, 4, 5, 6, 7, 8, 9])
        for usage in usages {
            table.add([
                usage.id, usage.function.shortened(to: 24), usage.vm, "\(usage.zone.node)", cpu(usage, former),
                ByteSize(bytes: usage.memoryBytes).description, ByteSize(bytes: usage.memoryLimitBytes).description,
                ByteSize(bytes: usage.zone.pluggedBytes).description,
                ByteSize(bytes: usage.zone.residentBytes).description,
                "\(usage.pids)",
            ])
        }
        return table
    }

    private static func cpu(_ usage: ContainerUsage, _ former: (usages: [String: UInt64], elapsed: UInt64)?) -> String {
        guard let former, former.elapsed > 0, let before = former.usages[usage.id], usage.cpuNs >= before else {
            return "\(usage.cpuNs / 1_000_000) ms"
        }
        let tenths = (Double(usage.cpuNs - before) / Double(former.elapsed) * 1000).rounded(.down)
        return "\(tenths / 10) %"
    }
}
