import ArgumentParser
import Runtime

extension TemplateCommand {
    /// A template of either kind, as its JSON has it.
    enum AnyTemplate: Encodable {
        case machine(Status)
        case process(ProcessTemplateStatus)

        func encode(to encoder: any Encoder) throws {
            switch self {
            case .machine(let status): try status.encode(to: encoder)
            case .process(let status): try status.encode(to: encoder)
            }
        }
    }

    struct ShowCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Shows all that is known of a template, and why a process template is refused.")

        @OptionGroup var global: GlobalOptions
        @Flag(help: "As JSON.")
        var json = false
        @Argument(help: "Which template.")
        var template: String

        func run() throws {
            try global.perform {
                let registry = try global.registry()
                let found: AnyTemplate
                if let process = try HostedProcessTemplates.find(template, in: registry) {
                    found = .process(process.status)
                } else {
                    let store = try global.templates()
                    let entry = try store.find(template)
                    var status = Status(entry)
                    status.chunks = try Chunks(of: entry, in: store)
                    found = .machine(status)
                }
                if json { return printOutput(try JSONText.report(found)) }
                printOutput(Self.text(found))
            }
        }

        static func text(_ template: AnyTemplate) -> String {
            var table = Table(["", ""])
            let lines: [(String, String)] =
                switch template {
                case .machine(let status): lines(of: status)
                case .process(let status): lines(of: status)
                }
            for (name, value) in lines where !value.isEmpty { table.add([name, value]) }
            return String(table.text.drop { $0 == "\n" })
        }

        private static func lines(of status: Status) -> [(String, String)] {
            [
                ("kind", status.kind), ("id", status.id), ("image", status.image), ("digest", status.imageDigest),
                ("size", ByteSize(bytes: status.sizeBytes).description),
                ("memory", ByteSize(bytes: status.memoryBytes).description), ("cpus", "\(status.vcpus)"),
                (
                    "zones",
                    status.onePerVm ? "none" : "\(status.zones) × \(ByteSize(bytes: status.zoneBytes).description)"
                ),
                ("in use", status.inUse ? "yes" : "no"), ("function", status.function ?? ""),
                ("tenant", status.tenant ?? ""),
            ] + (status.chunks?.lines ?? []) + (status.process.map(lines) ?? [])
        }

        private static func lines(of process: Status.Process) -> [(String, String)] {
            let isReady = process.state == "ready"
            return [
                ("process", process.command), ("process state", process.state), ("reason", process.reason),
                ("reached after", isReady ? "\(UInt64(process.reachedMs)) ms" : ""),
                ("threads", isReady ? "\(process.threads)" : ""),
                ("process size", isReady ? ByteSize(bytes: process.bytes).description : ""),
            ]
        }

        private static func lines(of status: ProcessTemplateStatus) -> [(String, String)] {
            let isReady = status.state == "ready"
            return [
                ("kind", status.kind), ("id", status.id), ("function", status.function), ("tenant", status.tenant),
                ("vm", status.vm), ("command", status.command), ("state", status.state), ("reason", status.reason),
                ("reached after", isReady ? "\(UInt64(status.reachedMs)) ms" : ""),
                ("threads", isReady ? "\(status.threads)" : ""),
                ("size", isReady ? ByteSize(bytes: status.bytes).description : ""),
                ("instances", "\(status.instances)"),
            ]
        }
    }
}
