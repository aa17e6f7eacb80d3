import ArgumentParser
import Runtime

struct VMCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vm", abstract: "Lists, shows and stops VMs.",
        subcommands: [ListCommand.self, InspectCommand.self, StopCommand.self], defaultSubcommand: ListCommand.self)

    struct ListCommand: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists VMs.", aliases: ["ls"])

        @OptionGroup var global: GlobalOptions
        @Flag(help: "As JSON.")
        var json = false

        func run() throws {
            try global.perform {
                let registry = try global.registry()
                try registry.cleanUp()
                let statuses = try registry.describedMachines(measured: false).map { try $0.status }
                if json { return printOutput(try JSONText.report(statuses)) }
                printOutput(Self.table(statuses, now: currentTimeInNanoseconds()))
            }
        }

        static func table(_ statuses: [VirtualMachineStatus], now: UInt64) -> String {
            var table = Table(
                [
                    "ID", "FUNCTION", "TENANT", "PID", "STATE", "CONTAINERS", "ZONES", "ZONE SIZE", "BASE", "IN ZONES",
                    "VMM", "AGE",
                ],
                rightAligned: [3, 5, 6, 7, 8, 9, 10])
            for status in statuses {
                table.add([
                    status.id, status.function.shortened(to: 24), status.tenant, "\(status.pid)", status.state,
                    "\(status.containers)", "\(status.zones.plugged)/\(status.zones.total)",
                    ByteSize(bytes: status.zoneBytes).description,
                    ByteSize(bytes: status.memory.baseResidentBytes).description,
                    ByteSize(bytes: status.memory.zonesResidentBytes).description,
                    ByteSize(bytes: status.memory.vmmPrivateBytes).description, age(since: status.startedNs, now: now),
                ])
            }
            return table.text
        }
    }

    struct InspectCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Shows all about VMs, as JSON.")

        @OptionGroup var global: GlobalOptions
        @Flag(help: "As JSON, which it always is.")
        var json = false
        @Argument(help: "Which VMs.")
        var machines: [String]

        private struct Inspection: Encodable {
            var vm: VirtualMachineStatus
            var memoryMap: MemoryReport
            var containers: [ContainerUsage]
            /// Those of the VM's process, and of the one that serves its volumes where there is one.
            var walls: [WallReport]
            var fileServerWalls: [WallReport]?
            var console: String
            var log: String
            var socket: String
        }

        func run() throws {
            try global.perform {
                let registry = try global.registry()
                try registry.cleanUp()
                var inspections: [Inspection] = []
                for name in machines {
                    let machine = try registry.virtualMachine(name)
                    guard let described = try registry.describe(machine, measured: true) else {
                        throw RuntimeError.noVirtualMachine(name)
                    }
                    inspections.append(
                        Inspection(
                            vm: try described.status, memoryMap: described.memoryMap, containers: described.usages,
                            walls: try machine.walls(), fileServerWalls: try machine.fileServerWalls(),
                            console: machine.consolePath, log: machine.logPath, socket: machine.socketPath))
                }
                printOutput(try JSONText.report(inspections))
            }
        }
    }

    struct StopCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "stop", abstract: "Powers VMs off, and ends the containers in them.")

        @OptionGroup var global: GlobalOptions
        @Flag(help: "Every VM.")
        var all = false
        @Argument(help: "Which VMs.")
        var machines: [String] = []

        func validate() throws {
            if all == !machines.isEmpty { throw ValidationError("name the VMs to stop, or give --all") }
        }

        func run() throws {
            try global.perform {
                let registry = try global.registry()
                try registry.cleanUp()
                let names = all ? try registry.virtualMachines().map(\.id) : machines
                try forEach(names) { name in
                    try registry.virtualMachine(name).stop()
                    printOutput(name)
                }
                try registry.cleanUp()
            }
        }
    }
}
