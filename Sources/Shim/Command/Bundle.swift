import LinuxSystem
import OCI
import TTRPC

/// A container's directory of containerd's: `config.json`, and what the shim leaves in it.
struct Bundle: Sendable {
    /// As containerd limits a container's record, and more.
    private static let maxBytes = 16 << 20

    let path: String

    init(_ path: String) { self.path = path }

    func specification() throws -> RuntimeSpec {
        guard let bytes = try FileSystem.contents(of: "\(path)/config.json", atMost: Self.maxBytes) else {
            throw Status(.notFound, "there is no \(path)/config.json")
        }
        return try RuntimeSpec(json: bytes, path: "\(path)/config.json")
    }

    /// Where the shim of this bundle listens; nil where none was noted.
    func address() -> String? {
        guard let bytes = try? FileSystem.contents(of: "\(path)/address", atMost: 256) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// containerd 1.6 looks here when it comes back.
    func write(address: String) throws {
        try FileSystem.replace("\(path)/address", with: Array(address.utf8), mode: 0o644)
    }
}
