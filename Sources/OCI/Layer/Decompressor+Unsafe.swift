import Hashing
import CArchive
import Glibc
import LinuxSystem
import SystemPackage

/// Reads a blob, plain or compressed by gzip or zstd (its first bytes decide), and gives its uncompressed bytes block by
/// block. Both sides are hashed on the way, so that nothing is read twice.
// SAFETY: the archive and the buffer are made in init and freed in deinit, and belong to this object alone; libarchive
// calls back only within calls made here. It gets locals to fill, and what it points to is used before its next call.
@safe
final class Decompressor {
    private let archive: OpaquePointer
    private let blob: ByteRegion
    private let buffer: UnsafeMutableRawPointer
    private let what: String
    private let onRead: (UInt64) -> Void
    private var consumed: UInt64 = 0
    private var compressedHash = SHA256()
    private var plainHash = SHA256()
    private var failure: OCIError?
    /// Whether libarchive took the blob's first bytes.
    private var isOpen = false
    private var hasBegun = false
    private var ended = false
    /// The most uncompressed bytes that may come, with those that had come before.
    private let limit: UInt64
    private(set) var producedInBytes: UInt64

    private static let bufferSize = 256 << 10

    /// - Parameters:
    ///   - what: names the blob in errors.
    ///   - limit: the most uncompressed bytes, of which `used` are used up.
    ///   - onRead: called with how many of the blob's bytes have been read since the last call.
    init(
        _ blob: ByteRegion, what: String, limit: UInt64, used: UInt64 = 0, onRead: @escaping (UInt64) -> Void
    ) throws(OCIError) {
        guard let archive = unsafe archive_read_new() else { throw .system(SystemError("read \(what)", .noMemory)) }
        unsafe self.archive = archive
        self.blob = blob
        self.what = what
        self.limit = limit
        producedInBytes = used
        self.onRead = onRead
        unsafe buffer = .allocate(byteCount: Self.bufferSize, alignment: 4096)
        // SAFETY: the callback gets this object, which owns the archive and frees it before it goes away.
        let client = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe archive_read_support_filter_gzip(archive)
        unsafe archive_read_support_filter_zstd(archive)
        unsafe archive_read_support_format_raw(archive)
        unsafe archive_read_support_format_empty(archive)
        let read:
            @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?, UnsafeMutablePointer<UnsafeRawPointer?>?) -> Int =
                {
                    guard let client = unsafe $1, let block = unsafe $2 else { return Int(ARCHIVE_FATAL) }
                    return unsafe Unmanaged<Decompressor>.fromOpaque(client).takeUnretainedValue().fill(block)
                }
        isOpen = unsafe archive_read_open(archive, client, nil, read, nil) == ARCHIVE_OK
    }

    deinit {
        unsafe archive_read_free(archive)
        unsafe buffer.deallocate()
    }

    /// The next uncompressed bytes, valid until the next call; nil at the end.
    func nextBlock() throws(OCIError) -> UnsafeRawBufferPointer? {
        if !hasBegun { try begin() }
        while !ended {
            var block: UnsafeRawPointer?
            var count = 0
            var offset: Int64 = 0
            let result = unsafe archive_read_data_block(archive, &block, &count, &offset)
            if result == ARCHIVE_EOF {
                ended = true
                try readRest()
                break
            }
            guard result >= ARCHIVE_WARN else { throw currentFailure() }
            guard count > 0 else { continue }
            // SAFETY: libarchive says that `count` bytes are at `block` until its next call.
            let bytes = unsafe UnsafeRawBufferPointer(start: block, count: count)
            producedInBytes += UInt64(count)
            guard producedInBytes <= limit else { throw .limitExceeded(what: "bytes when unpacked", limit: limit) }
            unsafe plainHash.update(bytes)
            return unsafe bytes
        }
        return nil
    }

    /// The raw format gives the whole blob as one entry, and none for an empty one.
    private func begin() throws(OCIError) {
        hasBegun = true
        var entry: OpaquePointer?
        let result = unsafe isOpen ? archive_read_next_header(archive, &entry) : ARCHIVE_FATAL
        if result == ARCHIVE_EOF { ended = true } else if result < ARCHIVE_WARN { throw currentFailure() }
    }

    /// The digests of the blob and of its uncompressed bytes, when everything has been read.
    func digests() throws(OCIError) -> (blob: Digest, plain: Digest) {
        while try unsafe nextBlock() != nil {}
        return (Digest(bytes: compressedHash.finish()), Digest(bytes: plainHash.finish()))
    }

    /// The blob's digest, whether or not it could be decompressed.
    func blobDigest() throws(OCIError) -> Digest {
        try readRest()
        return Digest(bytes: compressedHash.finish())
    }

    /// What follows a compressed stream's end belongs to the blob, and to its digest.
    private func readRest() throws(OCIError) {
        var block: UnsafeRawPointer?
        while unsafe fill(&block) > 0 {}
        if let failure { throw failure }
    }

    /// Gives libarchive the blob's next bytes; 0 at the end, ARCHIVE_FATAL on failure.
    private func fill(_ block: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
        let wanted = Int(min(UInt64(Self.bufferSize), blob.sizeInBytes - consumed))
        guard wanted > 0 else { return 0 }
        var count: Int
        repeat {
            // SAFETY: `wanted` is at most the buffer's size.
            count = unsafe pread(blob.file.rawValue, buffer, wanted, off_t(blob.offset + consumed))
        } while count < 0 && errno == EINTR
        guard count > 0 else {
            failure =
                count == 0
                ? .sizeMismatch(what: what, expected: blob.sizeInBytes, actual: consumed)
                : .system(SystemError("read \(what)", Errno(rawValue: errno)))
            return Int(ARCHIVE_FATAL)
        }
        consumed += UInt64(count)
        unsafe compressedHash.update(UnsafeRawBufferPointer(start: buffer, count: count))
        onRead(UInt64(count))
        unsafe block.pointee = UnsafeRawPointer(buffer)
        return count
    }

    private func currentFailure() -> OCIError {
        if let failure { return failure }
        return unsafe .malformed(what: what, reason: message(of: archive))
    }
}

/// What libarchive says of its last failure.
func message(of archive: OpaquePointer) -> String {
    // SAFETY: the text is NUL-terminated and copied here.
    guard let text = unsafe archive_error_string(archive) else { return "it ends too early" }
    return unsafe String(cString: text)
}
