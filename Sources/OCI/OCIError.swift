public import LinuxSystem

/// Why an image could not be read, imported, found or removed. Each description names the offending value and what was
/// expected of it.
public enum OCIError: Error, CustomStringConvertible, Equatable {
    /// Neither a file nor an image of the store has this name.
    case notFound(String)
    /// The file or directory is there, but it is no image.
    case notAnImage(path: String, reason: String)
    /// A part of the image is broken: a JSON document, an archive's header, a layer's entry.
    case malformed(what: String, reason: String)
    /// The bytes are not those that the digest promises.
    case digestMismatch(what: String, expected: Digest, actual: Digest)
    /// A blob is longer or shorter than its descriptor says, in bytes.
    case sizeMismatch(what: String, expected: UInt64, actual: UInt64)
    /// The image refers to a blob that its archive or directory does not hold.
    case missing(what: String, in: String)
    /// No manifest of the image is for linux/amd64; `found` are the platforms that there are.
    case noPlatform(path: String, found: [String])
    /// The archive or directory holds several images and the reference does not say which.
    case severalImages(path: String, names: [String])
    /// Something that czone does not take, by name.
    case unsupported(what: String, value: String, expected: String)
    /// A digest's prefix that several images of the store begin with.
    case ambiguous(prefix: String, matches: [Digest])
    /// A layer's entry that would reach outside of the root file system, or cannot be placed in it.
    case unsafeEntry(path: String, reason: String)
    /// More entries or bytes than the import limits allow.
    case limitExceeded(what: String, limit: UInt64)
    /// The directory was written to while it was read.
    case changed(path: String)
    /// The image is mapped into a running virtual machine.
    case inUse(Digest)
    /// `mkfs.erofs` could not be run, or failed.
    case erofs(String)
    /// The image's or the caller's user is not in the image's /etc/passwd or /etc/group.
    case unknownAccount(String, expected: String)
    /// The store's file system has not answered for so many seconds.
    case silent(path: String, seconds: Int)
    /// The host refused a call.
    case system(SystemError)

    public var description: String {
        switch self {
        case .notFound(let text):
            "there is no image \(quoted(text)): expected an OCI archive, an OCI layout directory, a docker archive, "
                + "dir:DIRECTORY, or the name or digest of a stored image (czone image list)"
        case .notAnImage(let path, let reason): "\(quoted(path)) is not an image: \(reason)"
        case .malformed(let what, let reason): "\(what) is broken: \(printable(reason, atMost: 400))"
        case .digestMismatch(let what, let expected, let actual):
            "\(what) is damaged: its digest is \(actual), expected \(expected)"
        case .sizeMismatch(let what, let expected, let actual):
            "\(what) is damaged: it has \(actual) bytes, expected \(expected)"
        case .missing(let what, let container): "\(quoted(container)) lacks \(what)"
        case .noPlatform(let path, let found):
            "\(quoted(path)) has no image for linux/amd64, only for \(found.isEmpty ? "no platform" : found.joined(separator: ", "))"
        case .severalImages(let path, let names):
            "\(quoted(path)) holds \(names.count) images: say which by oci:\(path):NAME, one of \(names.joined(separator: ", "))"
        case .unsupported(let what, let value, let expected):
            "\(what) \(quoted(value)) is not supported: expected \(expected)"
        case .ambiguous(let prefix, let matches):
            "\(matches.count) stored images begin with \(quoted(prefix)): \(matches.map(\.shortHex).joined(separator: ", "))"
        case .unsafeEntry(let path, let reason): "the layer's entry \(quoted(path)) is refused: \(reason)"
        case .limitExceeded(let what, let limit): "the image has more than \(limit) \(what)"
        case .changed(let path): "\(quoted(path)) changed while it was read: try again when nothing writes to it"
        case .inUse(let digest): "the image \(digest.shortHex) is in use by a running virtual machine: stop that first"
        case .erofs(let reason): "cannot build the EROFS image: \(reason)"
        case .unknownAccount(let text, let expected): "the image has no \(quoted(text)): expected \(expected)"
        case .silent(let path, let seconds):
            "the file system of the store \(quoted(path)) has not answered within \(seconds) s"
        case .system(let error): error.description
        }
    }
}

/// Runs what fails with a system error where only image errors can be thrown.
func system<Result>(_ body: () throws(SystemError) -> Result) throws(OCIError) -> Result {
    do { return try body() } catch { throw .system(error) }
}
