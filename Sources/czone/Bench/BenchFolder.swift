import LinuxSystem
import Runtime

/// Runs a bench with a folder of its own, which goes with all that is in it however the bench ends.
func withBenchFolder(_ body: (String) throws -> Void) throws {
    try reportingFailures {
        let folder = "/run/czone-bench-" + RandomBytes.bytes(6).map { String($0, radix: 16) }.joined()
        try FileSystem.makeFolder(folder, mode: 0o755)
        defer { removeFolder(folder) }
        try body(folder)
    }
}

private func removeFolder(_ path: String) {
    guard
        let remove = try? ProcessLaunch(
            "/bin/rm", arguments: ["rm", "-rf", path], environment: [], input: StandardStream.input.descriptor,
            output: StandardStream.output.descriptor, error: StandardStream.error.descriptor
        ).start()
    else { return }
    _ = try? remove.waitForEnd()
}

extension Measurements {
    /// The median and what it is of.
    var figure: Figure { .object([("median", .number(median)), ("runs", .list(runs))]) }
}
