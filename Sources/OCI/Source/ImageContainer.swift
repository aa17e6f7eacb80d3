import Glibc
import LinuxSystem
import SystemPackage

/// What an image's documents and blobs lie in: a directory, or a tar archive of one.
enum ImageContainer {
    case directory(Directory, path: String)
    case archive(TarIndex, path: String)

    var path: String {
        switch self {
        case .directory(_, let path), .archive(_, let path): path
        }
    }

    /// The file at a relative path; nil when there is none.
    func file(_ path: String) throws(OCIError) -> ByteRegion? {
        switch self {
        case .directory(let directory, _):
            guard let descriptor = try FileTree(directory).open(FilePath(path), flags: O_RDONLY) else { return nil }
            let status = try Directory.status(of: descriptor)
            return status.kind == .file ? ByteRegion(file: descriptor, offset: 0, sizeInBytes: status.sizeInBytes) : nil
        case .archive(let index, _):
            return try index.file(path)
        }
    }

    /// A document, when there is one.
    func document<Document: Decodable>(
        _ type: Document.Type, at path: String, limits: ImportLimits
    ) throws(OCIError) -> Document? {
        guard let region = try file(path) else { return nil }
        let bytes = try region.bytes(limit: limits.documentInBytes, what: path)
        return try JSON.decode(type, from: bytes, what: "\(path) of \(quoted(self.path))")
    }

    /// The blob of a descriptor, of the size that it promises; what is in it is not looked at.
    func blob(_ descriptor: ContentDescriptor, what: String) throws(OCIError) -> ByteRegion {
        guard let region = try file("blobs/sha256/\(descriptor.digest.hex)") else {
            throw .missing(what: "\(what) \(descriptor.digest)", in: path)
        }
        guard region.sizeInBytes == descriptor.size else {
            throw .sizeMismatch(
                what: "\(what) \(descriptor.digest)", expected: descriptor.size, actual: region.sizeInBytes)
        }
        return region
    }

    /// The document of a descriptor, after its digest has been checked.
    func document<Document: Decodable>(
        _ type: Document.Type, of descriptor: ContentDescriptor, what: String, limits: ImportLimits
    ) throws(OCIError) -> Document {
        let name = "the \(what) \(descriptor.digest)"
        let bytes = try blob(descriptor, what: "the \(what)").bytes(limit: limits.documentInBytes, what: name)
        let digest = Digest(of: bytes)
        guard digest == descriptor.digest else {
            throw .digestMismatch(what: name, expected: descriptor.digest, actual: digest)
        }
        return try JSON.decode(type, from: bytes, what: name)
    }
}
