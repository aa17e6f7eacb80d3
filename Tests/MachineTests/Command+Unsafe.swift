import Glibc
import LinuxSystem

/// Programs that check what the product writes; a test that needs one is skipped where it is not installed.
enum Command {
    static func isInstalled(_ name: String) -> Bool { run("command -v \(name) > /dev/null") == 0 }

    /// A shell command's exit status.
    static func run(_ command: String) -> Int32 {
        // SAFETY: the string lives as long as the call.
        let status = unsafe system(command)
        return status & 0x7f == 0 ? status >> 8 & 0xff : -1
    }
}

/// A directory that is removed with its owner.
final class TemporaryDirectory {
    let path: String

    init() throws {
        path = "/tmp/czone-test-\(UInt64.random(in: 0 ... .max))"
        guard Command.run("mkdir -m 700 '\(path)'") == 0 else { throw Failure() }
    }

    struct Failure: Error {}

    deinit { _ = Command.run("rm -r '\(path)'") }

    func write(_ bytes: [UInt8], to name: String) throws {
        try OwnedDescriptor(opening: "\(path)/\(name)", flags: O_WRONLY | O_CREAT).write(all: bytes)
    }

    func text(of name: String) throws -> String {
        let file = try OwnedDescriptor(opening: "\(path)/\(name)", flags: O_RDONLY)
        return String(decoding: try file.read(atMost: 1 << 20), as: UTF8.self)
    }
}
