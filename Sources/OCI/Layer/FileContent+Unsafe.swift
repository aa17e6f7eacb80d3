import Glibc
import LinuxSystem
import SystemPackage

// SAFETY: bytes are lent by the caller for the length of the call, and only their own address and count are used.
extension RootBuilder {
    /// Writes an entry's content to its new file; holes stay holes.
    func write(_ entry: LayerEntry, to file: OwnedDescriptor, _ reader: TarReader) throws(OCIError) {
        var end: UInt64 = 0
        try unsafe reader.content { (bytes: UnsafeRawBufferPointer, offset: UInt64) throws(OCIError) in
            guard offset <= entry.sizeInBytes, UInt64(bytes.count) <= entry.sizeInBytes - offset else {
                throw .malformed(what: quoted(entry.path.string), reason: "it has more bytes than its header says")
            }
            try unsafe file.write(bytes, at: offset)
            end = max(end, offset + UInt64(bytes.count))
        }
        guard end < entry.sizeInBytes else { return }
        guard ftruncate(file.rawValue, off_t(entry.sizeInBytes)) == 0 else {
            throw .system(SystemError("size \(quoted(entry.path.string))", Errno(rawValue: errno)))
        }
    }
}

extension OwnedDescriptor {
    /// Writes everything at a file offset in bytes.
    fileprivate func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(OCIError) {
        var done = 0
        while done < bytes.count {
            // SAFETY: done < the buffer's count bounds address and length.
            let count = unsafe pwrite(
                rawValue, bytes.baseAddress?.advanced(by: done), bytes.count - done, off_t(offset) + off_t(done))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .system(SystemError("write an image's file", Errno(rawValue: errno))) }
            done += count
        }
    }
}

extension FilePath.Component {
    /// The name's bytes, as the file system has them.
    var bytes: [UInt8] {
        // SAFETY: the string is NUL-terminated and copied here.
        unsafe withPlatformString { path in unsafe Array(UnsafeRawBufferPointer(start: path, count: strlen(path))) }
    }
}

extension FilePath {
    /// A path of these bytes, up to the first NUL.
    init(bytes: [UInt8]) {
        // SAFETY: the NUL is appended here.
        self = unsafe (bytes.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { text in
            guard let start = text.baseAddress else { return FilePath() }
            return unsafe FilePath(platformString: start)
        }
    }
}

extension Decompressor {
    // SAFETY: the block is written before the next one is asked for.
    /// Writes all uncompressed bytes to an empty file.
    func copy(to file: OwnedDescriptor) throws(OCIError) {
        var offset: UInt64 = 0
        while let block = try unsafe nextBlock() {
            try unsafe file.write(block, at: offset)
            offset += UInt64(block.count)
        }
    }
}
