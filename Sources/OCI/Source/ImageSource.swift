import Hashing
import Glibc
import LinuxSystem
import SystemPackage

/// An archive or a layout directory, and by what it is recognised as unchanged.
struct ImageSource {
    let path: String
    /// Which image of several.
    let name: String?
    let isDirectory: Bool
    /// Made of the file's identity, size and times, and of the wanted image's name.
    let key: Digest
    /// In nanoseconds since 1970.
    let latestChange: Int64

    /// `status` is that of the path. Of a layout directory, `index.json` stands for everything: what it refers to is named
    /// by digest. A docker archive can be unpacked too; then it is `manifest.json`.
    init(path: String, status: FileStatus, name: String?) throws(OCIError) {
        self.path = path
        self.name = name
        isDirectory = status.kind == .directory
        var latest = status.changed
        var hash = SHA256()
        hash.update("image\0\(name ?? "")\0")
        hash.update(status.identity)
        if isDirectory {
            for document in ["index.json", "manifest.json"] {
                guard let inner = try Directory.status(ofPath: "\(path)/\(document)") else { continue }
                hash.update(inner.identity)
                latest = max(latest, inner.changed)
            }
        }
        key = Digest(bytes: hash.finish())
        latestChange = latest
    }

    /// Opens it; `decompress` makes a plain archive of a compressed one.
    func open(decompress: (ByteRegion) throws(OCIError) -> ByteRegion) throws(OCIError) -> ImageContainer {
        if isDirectory { return .directory(try Directory(opening: path), path: path) }
        let file = try system { () throws(SystemError) in
            try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK)
        }
        var archive = try ByteRegion(file)
        guard archive.sizeInBytes > 0 else { throw .notAnImage(path: path, reason: "it is empty") }
        let start = try archive.prefix(4)
        if start.starts(with: [0x1f, 0x8b]) || start.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) {
            archive = try decompress(archive)
        }
        do {
            return .archive(try TarIndex(archive, path: path), path: path)
        } catch {
            guard case .malformed(_, let reason) = error, reason.hasSuffix("at byte 0") else { throw error }
            throw .notAnImage(path: path, reason: "it is no tar archive, plain or compressed with gzip or zstd")
        }
    }
}
