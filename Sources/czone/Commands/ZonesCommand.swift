import ArgumentParser
import LinuxSystem
import Runtime

struct ZonesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "zones", abstract: "Draws the memory of VMs: the base and each zone with its container.")

    enum Colour: String, ExpressibleByArgument, CaseIterable { case auto, always, never }

    @OptionGroup var global: GlobalOptions
    @Flag(name: [.short, .long], help: "Again every second.")
    var watch = false
    @Flag(help: "As JSON.")
    var json = false
    @Option(help: "Whether to draw in colour; by default on a terminal, unless NO_COLOR is set.")
    var color = Colour.auto
    @Argument(help: "Which VM; by default all.")
    var machine: String?

    func run() throws {
        try global.perform {
            let registry = try global.registry()
            try registry.cleanUp()
            guard watch else { return printOutput(try frame(registry)) }
            try Screen.watch(everyMilliseconds: 1000) { try frame(registry) }
        }
    }

    private func frame(_ registry: Registry) throws -> String {
        var machines = try registry.describedMachines(measured: true)
        if let machine {
            let id = try registry.virtualMachine(machine).id
            machines = machines.filter { $0.machine.id == id }
        }
        let maps = machines.map(\.memoryMap)
        if json {
            var bytes = try JSONText.report(maps)
            bytes.removeLast()
            return String(decoding: bytes, as: UTF8.self)
        }
        let terminal = Terminal(StandardStream.output.descriptor)
        let isColoured =
            switch color {
            case .always: true
            case .never: false
            case .auto: terminal != nil && CurrentProcess.environment("NO_COLOR") == nil
            }
        let drawing = ZoneDrawing(isColoured: isColoured, columns: Int(terminal?.size?.columns ?? 100))
        return maps.isEmpty ? "no VM runs" : maps.map(drawing.text).joined(separator: "\n\n")
    }
}
