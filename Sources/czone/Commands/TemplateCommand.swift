import ArgumentParser
import LinuxSystem
import OCI
import Runtime

struct TemplateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "template",
        abstract: "Lists, makes and removes templates: saved VMs that others are restored from.",
        subcommands: [ListCommand.self, CreateCommand.self, RemoveCommand.self, ProvideCommand.self],
        defaultSubcommand: ListCommand.self)

    /// The names of the properties, in snake case, are the keys of its JSON.
    struct Status: Encodable {
        var id: String
        var image: String
        var imageDigest: String
        var sizeBytes: UInt64
        var memoryBytes: UInt64
        var vcpus: Int
        var zones: Int
        var zoneBytes: UInt64
        var onePerVm: Bool
        var inUse: Bool
        var createdNs: UInt64
        var usedNs: UInt64

        init(_ entry: TemplateStore.Entry) {
            id = entry.name
            image = entry.record.image
            imageDigest = entry.record.imageDigest
            sizeBytes = entry.allocatedBytes
            memoryBytes = entry.record.memoryInBytes
            vcpus = entry.record.virtualCPUs
            zones = entry.record.zoneCount
            zoneBytes = entry.record.zoneSizeInBytes
            onePerVm = entry.record.isAlone
            inUse = entry.isInUse
            createdNs = entry.record.created
            usedNs = entry.lastUsed
        }
    }

    struct ListCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Lists templates.", aliases: ["ls"])

        @OptionGroup var global: GlobalOptions
        @Flag(help: "As JSON.")
        var json = false

        func run() throws {
            global.apply()
            try reportingFailures {
                let templates = try global.templates().entries().map(Status.init)
                if json { return printOutput(try JSONText.report(templates)) }
                var table = Table(
                    ["ID", "IMAGE", "SIZE", "MEMORY", "CPUS", "ZONES", "IN USE", "USED"], rightAligned: [2, 3, 4])
                let now = currentTimeInNanoseconds()
                for template in templates {
                    let zone = ByteSize(bytes: template.zoneBytes)
                    table.add([
                        String(template.id.prefix(12)), template.image.shortened(to: 40),
                        ByteSize(bytes: template.sizeBytes).description,
                        ByteSize(bytes: template.memoryBytes).description,
                        "\(template.vcpus)", template.onePerVm ? "none" : "\(template.zones) × \(zone)",
                        template.inUse ? "yes" : "no", age(since: template.usedNs, now: now),
                    ])
                }
                printOutput(table.text)
            }
        }
    }

    struct RemoveCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove", abstract: "Removes templates that no VM was restored from.", aliases: ["rm"])

        @OptionGroup var global: GlobalOptions
        @Argument(help: "Which templates.")
        var templates: [String]

        func run() throws {
            global.apply()
            try reportingFailures {
                let store = try global.templates()
                try forEach(templates) { name in
                    let entry = try store.find(name)
                    guard try store.remove(entry.name) else {
                        throw RuntimeError.invalid("the template \(entry.name) is in use; see `czone vm list`")
                    }
                    printOutput(name)
                }
            }
        }
    }
}

extension GlobalOptions {
    func templates() throws -> TemplateStore { TemplateStore(besides: try images().root) }
}
