import LinuxSystem

/// A bench's own directory.
public enum BenchDirectory {
    /// Makes it; it goes with all that is in it however the body ends.
    public static func with(_ body: (String) throws -> Void) throws {
        let directory = "/run/czone-bench-" + RandomBytes.bytes(6).map { String($0, radix: 16) }.joined()
        try FileSystem.makeDirectory(directory, mode: 0o755)
        defer { remove(directory) }
        try body(directory)
    }

    private static func remove(_ path: String) {
        guard
            let remove = try? ProcessLaunch(
                "/bin/rm", arguments: ["rm", "-rf", path], environment: [], input: StandardStream.input.descriptor,
                output: StandardStream.output.descriptor, error: StandardStream.error.descriptor
            ).start()
        else { return }
        _ = try? remove.waitForEnd()
    }
}
