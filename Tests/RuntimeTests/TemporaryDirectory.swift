import Glibc
import LinuxSystem
import Runtime
import SystemPackage

/// A directory that goes with the test.
final class TemporaryDirectory: Sendable {
    let path: FilePath

    init(in parent: String = "/tmp") throws {
        path = FilePath("\(parent)/czone-runtime-test-\(getpid())-\(Registry.freshID())")
        try FileSystem.makeDirectory(path.string)
    }

    deinit { Self.remove(path.string) }

    private static func remove(_ path: String) {
        if let names = try? FileSystem.names(in: path) {
            for name in names { remove("\(path)/\(name)") }
            try? FileSystem.removeDirectory(path)
        }
        try? FileSystem.removeFile(path)
    }

    /// Every file and directory below it, sorted.
    func contents() throws -> [String] { try Self.contents(of: path.string, prefix: "") }

    private static func contents(of path: String, prefix: String) throws -> [String] {
        var all: [String] = []
        for name in try (FileSystem.names(in: path) ?? []).sorted() {
            all.append(prefix + name)
            if try FileSystem.status("\(path)/\(name)")?.isDirectory == true {
                all += try contents(of: "\(path)/\(name)", prefix: prefix + name + "/")
            }
        }
        return all
    }
}
