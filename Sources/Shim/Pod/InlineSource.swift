import LinuxSystem

/// Small files of the host that go into a container by value.
enum InlineSource {
    /// Nil where there is no file. One byte more than may be, so that a longer file shows.
    static func read(_ path: String) throws -> [UInt8]? { try FileSystem.contents(of: path, atMost: (512 << 10) + 1) }
}
