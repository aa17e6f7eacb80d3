import ArgumentParser
import Bench

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures on this host, side by side in one run.",
        subcommands: [
            BenchBootCommand.self, BenchRestoreCommand.self, BenchZonesCommand.self, BenchStartCommand.self,
            BenchDensityCommand.self, BenchSlowdownCommand.self, BenchEventsCommand.self, BenchNetworkCommand.self,
            HoldMemoryCommand.self,
            MemoryNeighboursCommand.self, ServeTrafficCommand.self, LoadTrafficCommand.self,
        ])
}

/// Runs a bench with a directory of its own; a failure becomes one line and the exit code 1.
func withBenchDirectory(_ body: (String) throws -> Void) throws {
    try reportingFailures { try BenchDirectory.with(body) }
}
