import ArgumentParser
import LinuxSystem
import OCI
import Runtime

struct TemplateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "template",
        abstract:
            "Lists, makes and removes templates: saved VMs, and processes in running VMs that others are copies of.",
        subcommands: [
            ListCommand.self, ShowCommand.self, CreateCommand.self, RemoveCommand.self, PushCommand.self,
            PullCommand.self, ProvideCommand.self,
        ],
        defaultSubcommand: ListCommand.self)

    /// The names of the properties, in snake case, are the keys of its JSON.
    struct Status: Encodable {
        /// `vm`, beside `process` (`ProcessTemplateStatus`).
        let kind = "vm"
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
        /// Whose containers are in its VMs; left out: anybody's.
        var function: String?
        var tenant: String?
        /// The process template that its VMs have; left out where none was wanted.
        var process: Process?
        /// Left out in lists, and where nobody has cut it.
        var chunks: Chunks?

        struct Process: Encodable {
            var command: String
            /// `ready` or `refused`.
            var state: String
            var reason: String
            var reachedMs: Double
            var threads: UInt32
            var bytes: UInt64

            init(_ record: ProcessTemplateRecord) {
                command = record.command
                state = record.reason.isEmpty ? "ready" : "refused"
                reason = record.reason
                reachedMs = Double(record.reachedAfterMicroseconds) / 1000
                threads = record.threads
                bytes = record.memoryBytes
            }
        }

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
            function = entry.record.function
            tenant = entry.record.tenant
            process = entry.record.process.map(Process.init)
        }
    }

    struct ListCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Lists templates, of VMs and of processes in running VMs.", aliases: ["ls"])

        @OptionGroup var global: GlobalOptions
        @Flag(help: "As JSON.")
        var json = false

        func run() throws {
            try global.perform {
                let saved = try global.templates().entries().map(Status.init)
                let processes = try HostedProcessTemplates.all(in: try global.registry()).map(\.status)
                if json {
                    return printOutput(
                        try JSONText.report(saved.map(AnyTemplate.machine) + processes.map(AnyTemplate.process)))
                }
                printOutput(Self.table(saved, now: currentTimeInNanoseconds()))
                if !processes.isEmpty { printOutput("\n" + Self.table(processes)) }
            }
        }

        private static func table(_ templates: [Status], now: UInt64) -> String {
            var table = Table(
                ["ID", "IMAGE", "SIZE", "MEMORY", "CPUS", "ZONES", "PROCESS", "IN USE", "USED"],
                rightAligned: [2, 3, 4])
            for template in templates {
                let zone = ByteSize(bytes: template.zoneBytes)
                table.add([
                    String(template.id.prefix(12)), template.image.shortened(to: 40),
                    ByteSize(bytes: template.sizeBytes).description,
                    ByteSize(bytes: template.memoryBytes).description,
                    "\(template.vcpus)", template.onePerVm ? "none" : "\(template.zones) × \(zone)",
                    template.process?.state ?? "", template.inUse ? "yes" : "no", age(since: template.usedNs, now: now),
                ])
            }
            return table.text
        }

        static func table(_ templates: [ProcessTemplateStatus]) -> String {
            var table = Table(
                ["PROCESS", "FUNCTION", "REACHED AFTER", "THREADS", "SIZE", "INSTANCES", "STATE"],
                rightAligned: [2, 3, 4, 5])
            for template in templates {
                let isReady = template.state == "ready"
                table.add([
                    template.id, template.function.shortened(to: 40),
                    isReady ? "\(UInt64(template.reachedMs)) ms" : "", isReady ? "\(template.threads)" : "",
                    isReady ? ByteSize(bytes: template.bytes).description : "", "\(template.instances)",
                    template.reason.isEmpty ? template.state : "\(template.state): \(template.reason)",
                ])
            }
            return table.text
        }
    }

    struct RemoveCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove",
            abstract: "Removes VMs' templates that no VM was restored from, and process templates.",
            aliases: ["rm"])

        @OptionGroup var global: GlobalOptions
        @Argument(help: "Which templates.")
        var templates: [String]

        func run() throws {
            try global.perform {
                let (store, registry) = (try global.templates(), try global.registry())
                try forEach(templates) { name in
                    if let process = try HostedProcessTemplates.find(name, in: registry) {
                        try process.remove()
                        return printOutput(name)
                    }
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
