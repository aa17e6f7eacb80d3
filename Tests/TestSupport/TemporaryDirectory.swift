import Glibc
import LinuxSystem

/// A directory for one test, removed with all that is in it when the test lets go of it.
public final class TemporaryDirectory: Sendable {
    public let path: String

    public init() throws {
        path = "/tmp/czone-test-" + RandomBytes.bytes(8).map { String($0, radix: 16) }.joined()
        try FileSystem.makeDirectory(path)
    }

    deinit { _ = try? run("rm", ["-rf", path]) }

    /// Writes a file in the directory; its path.
    @discardableResult
    public func write(_ name: String, _ contents: [UInt8], executable: Bool = false) throws -> String {
        let file = try OwnedDescriptor(
            opening: path + "/" + name, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: executable ? 0o755 : 0o644)
        try file.write(all: contents)
        return path + "/" + name
    }
}

/// A whole file.
public func contents(of path: String) throws -> [UInt8] {
    let file = try OwnedDescriptor(opening: path, flags: O_RDONLY)
    return try file.read(exactly: Int(try file.sizeInBytes()), at: 0)
}
