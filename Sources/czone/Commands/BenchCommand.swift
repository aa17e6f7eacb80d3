import ArgumentParser
import Runtime

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures on this host, side by side in one run.",
        subcommands: [
            BenchBootCommand.self, BenchRestoreCommand.self, BenchZonesCommand.self, BenchStartCommand.self,
            BenchDensityCommand.self, BenchSlowdownCommand.self, HoldMemoryCommand.self, MemoryNeighboursCommand.self,
        ])
}

/// A number of milliseconds with three decimals.
func milliseconds(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }

/// A JSON value of numbers, arrays and objects, keys in the order given.
indirect enum Figure: CustomStringConvertible {
    case number(Double)
    case list([Double])
    case array([Figure])
    case object([(String, Figure)])

    var description: String {
        switch self {
        case .number(let value): "\(milliseconds(value))"
        case .list(let values): "[" + values.map { "\(milliseconds($0))" }.joined(separator: ",") + "]"
        case .array(let figures): "[" + figures.map(\.description).joined(separator: ",") + "]"
        case .object(let members): "{" + members.map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
        }
    }
}
