import CArchive
import Glibc
import LinuxSystem
import SystemPackage

/// Reads the entries of a layer: a tar archive, out of a decompressor.
// SAFETY: the archive is made in init, freed in deinit, and belongs to this object alone; libarchive calls back only within
// calls made here. It gets locals to fill, and what it points to (entries, texts, blocks) is copied before its next call.
@safe
final class TarReader {
    private let archive: OpaquePointer
    private let source: Decompressor
    private let what: String
    private var failure: OCIError?

    /// `what` names the layer in errors.
    init(_ source: Decompressor, what: String) throws(OCIError) {
        guard let archive = unsafe archive_read_new() else { throw .system(SystemError("read \(what)", .noMemory)) }
        unsafe self.archive = archive
        self.source = source
        self.what = what
        unsafe archive_read_support_format_tar(archive)
        unsafe archive_read_support_format_empty(archive)
        // SAFETY: the callback gets this object, which owns the archive and frees it before it goes away.
        let client = unsafe Unmanaged.passUnretained(self).toOpaque()
        let read:
            @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?, UnsafeMutablePointer<UnsafeRawPointer?>?) -> Int =
                {
                    guard let client = unsafe $1, let block = unsafe $2 else { return Int(ARCHIVE_FATAL) }
                    return unsafe Unmanaged<TarReader>.fromOpaque(client).takeUnretainedValue().fill(block)
                }
        guard unsafe archive_read_open(archive, client, nil, read, nil) == ARCHIVE_OK else { throw currentFailure() }
    }

    deinit { unsafe archive_read_free(archive) }

    /// The next entry; nil at the archive's end.
    func next() throws(OCIError) -> LayerEntry? {
        var entry: OpaquePointer?
        let result = unsafe archive_read_next_header(archive, &entry)
        if result == ARCHIVE_EOF { return nil }
        guard result >= ARCHIVE_WARN, let entry = unsafe entry else { throw currentFailure() }
        return try unsafe decode(entry)
    }

    /// Gives the current entry's content to `body`, each piece with its offset in bytes; what is not given is a hole.
    func content(_ body: (UnsafeRawBufferPointer, UInt64) throws(OCIError) -> Void) throws(OCIError) {
        while true {
            var block: UnsafeRawPointer?
            var count = 0
            var offset: Int64 = 0
            let result = unsafe archive_read_data_block(archive, &block, &count, &offset)
            if result == ARCHIVE_EOF { return }
            guard result >= ARCHIVE_WARN, offset >= 0 else { throw currentFailure() }
            // SAFETY: libarchive says that `count` bytes are at `block` until its next call.
            try unsafe body(UnsafeRawBufferPointer(start: block, count: count), UInt64(offset))
        }
    }

    private func fill(_ block: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
        do {
            guard let bytes = try unsafe source.nextBlock() else { return 0 }
            unsafe block.pointee = bytes.baseAddress
            return bytes.count
        } catch {
            failure = error
            return Int(ARCHIVE_FATAL)
        }
    }

    private func decode(_ entry: OpaquePointer) throws(OCIError) -> LayerEntry {
        // SAFETY: the texts belong to the entry, are NUL-terminated, and are copied before the next call.
        guard let name = unsafe archive_entry_pathname(entry) else {
            throw .malformed(what: what, reason: "an entry has no name that can be read")
        }
        let path = unsafe FilePath(platformString: name)
        let size = unsafe archive_entry_size(entry)
        guard size >= 0 else { throw .malformed(what: what, reason: "\(quoted(path.string)) has a negative size") }
        return LayerEntry(
            path: path, kind: try unsafe kind(of: entry, path), attributes: try unsafe attributes(of: entry, path),
            sizeInBytes: UInt64(size))
    }

    private func kind(of entry: OpaquePointer, _ path: FilePath) throws(OCIError) -> LayerEntry.Kind {
        // SAFETY: as in decode(_:).
        if let target = unsafe archive_entry_hardlink(entry) {
            return unsafe .hardLink(FilePath(platformString: target))
        }
        let mode = unsafe archive_entry_filetype(entry)
        switch mode {
        case S_IFREG: return .file
        case S_IFDIR: return .directory
        case S_IFLNK:
            guard let target = unsafe archive_entry_symlink(entry), unsafe target.pointee != 0 else {
                throw .malformed(what: what, reason: "the link \(quoted(path.string)) has no target")
            }
            return unsafe .symbolicLink(Array(UnsafeBufferPointer(start: target, count: strlen(target) + 1)))
        case S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK:
            let major = unsafe archive_entry_rdevmajor(entry)
            let minor = unsafe archive_entry_rdevminor(entry)
            guard let major = UInt32(exactly: major), let minor = UInt32(exactly: minor) else {
                throw .malformed(
                    what: what, reason: "the device \(quoted(path.string)) has the number \(major):\(minor)")
            }
            return .node(mode: mode, major: major, minor: minor)
        default:
            throw .unsupported(
                what: "the type of the entry", value: path.string, expected: "a file, directory, link or device")
        }
    }

    private func attributes(of entry: OpaquePointer, _ path: FilePath) throws(OCIError) -> FileAttributes {
        let owner = unsafe (archive_entry_uid(entry), archive_entry_gid(entry))
        // All bits set means "leave it" to chown(2).
        guard let uid = UInt32(exactly: owner.0), let gid = UInt32(exactly: owner.1), uid != .max, gid != .max else {
            throw .malformed(what: what, reason: "\(quoted(path.string)) has the owner \(owner.0):\(owner.1)")
        }
        let seconds = unsafe max(0, archive_entry_mtime(entry))
        let nanoseconds = unsafe min(max(0, archive_entry_mtime_nsec(entry)), 999_999_999)
        return FileAttributes(
            mode: unsafe archive_entry_perm(entry) & 0o7777, uid: uid, gid: gid,
            modified: FileTime(seconds: seconds, nanoseconds: nanoseconds),
            extended: unsafe extendedAttributes(of: entry))
    }

    private func extendedAttributes(of entry: OpaquePointer) -> [ExtendedAttribute] {
        var attributes: [ExtendedAttribute] = []
        var name: UnsafePointer<CChar>?
        var value: UnsafeRawPointer?
        var size = 0
        unsafe archive_entry_xattr_reset(entry)
        while unsafe archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK {
            guard let name = unsafe name else { continue }
            // SAFETY: name and value belong to the entry and are copied here.
            let text = unsafe Array(UnsafeBufferPointer(start: name, count: strlen(name) + 1))
            let bytes = unsafe Array(UnsafeRawBufferPointer(start: value, count: size))
            attributes.append(ExtendedAttribute(name: text, value: bytes))
        }
        return attributes
    }

    private func currentFailure() -> OCIError {
        if let failure { return failure }
        return unsafe .malformed(what: what, reason: message(of: archive))
    }
}
