import CLinux
import Glibc
import SystemPackage

extension OwnedDescriptor {
    /// Reads at most `limit` bytes; an empty array is the end of the file.
    public func read(atMost limit: Int) throws(SystemError) -> [UInt8] {
        var failure: Errno?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            // SAFETY: read(2) gets the buffer's own address and capacity; the count is what it says it filled.
            let result = retrying { unsafe Glibc.read(rawValue, buffer.baseAddress, limit) }
            if result < 0 { failure = Errno(rawValue: errno) }
            count = max(0, result)
        }
        if let failure { throw SystemError("read", failure) }
        return bytes
    }

    /// Reads once, into a buffer from a place on up to its end; how many bytes, 0 at the end of the file.
    public func read(into buffer: inout [UInt8], from place: Int) throws(SystemError) -> Int {
        precondition((0...buffer.count).contains(place), "a place behind the buffer")
        let result = unsafe buffer.withUnsafeMutableBytes { bytes in
            // SAFETY: place ≤ count, so that address and length stay within the buffer.
            retrying { unsafe Glibc.read(rawValue, bytes.baseAddress?.advanced(by: place), bytes.count - place) }
        }
        guard result >= 0 else { throw SystemError("read", Errno(rawValue: errno)) }
        return result
    }

    /// Reads once at a file offset, at most so many bytes; fewer mean nothing, none the end of the file.
    public func read(upTo count: Int, at offset: UInt64) throws(SystemError) -> [UInt8] {
        var failure: Errno?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            // SAFETY: pread(2) gets the buffer's own address and capacity; the count is what it says it filled.
            let result = retrying { unsafe pread(rawValue, buffer.baseAddress, count, off_t(offset)) }
            if result < 0 { failure = Errno(rawValue: errno) }
            filled = max(0, result)
        }
        if let failure { throw SystemError("read at offset \(offset)", failure) }
        return bytes
    }

    /// Reads exactly `count` bytes at a file offset.
    public func read(exactly count: Int, at offset: UInt64) throws(SystemError) -> [UInt8] {
        var failure: Errno?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                // SAFETY: filled < count = the buffer's capacity bounds address and length.
                let result = retrying {
                    unsafe pread(
                        rawValue, buffer.baseAddress?.advanced(by: filled), count - filled,
                        off_t(offset) + off_t(filled))
                }
                guard result > 0 else {
                    failure = result == 0 ? .noData : Errno(rawValue: errno)
                    return
                }
                filled += result
            }
        }
        if let failure { throw SystemError("read \(count) bytes at offset \(offset)", failure) }
        return bytes
    }

    /// Writes what the descriptor takes now; the count of bytes that it took.
    public func write(some bytes: ArraySlice<UInt8>) throws(SystemError) -> Int {
        let result = unsafe bytes.withUnsafeBytes { buffer in
            // SAFETY: address and count are the buffer's own.
            retrying { unsafe Glibc.write(rawValue, buffer.baseAddress, buffer.count) }
        }
        guard result >= 0 else { throw SystemError("write", Errno(rawValue: errno)) }
        return result
    }

    /// Writes everything to a blocking descriptor.
    public func write(all bytes: [UInt8]) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty { rest = rest.dropFirst(try write(some: rest)) }
    }
}

extension OwnedDescriptor {
    /// Reads from where the file stands until its end, at most so many bytes.
    public func readToEnd(atMost limit: Int) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < limit {
            let piece = try read(atMost: min(limit - bytes.count, 64 << 10))
            if piece.isEmpty { break }
            bytes += piece
        }
        return bytes
    }

    /// Writes everything at a file offset, in bytes; the descriptor's own offset stays.
    public func write(all bytes: [UInt8], at offset: UInt64) throws(SystemError) {
        var written = 0
        while written < bytes.count {
            let result = unsafe bytes.withUnsafeBytes { buffer in
                // SAFETY: written < count bounds address and length.
                unsafe clinux_write_at(
                    rawValue, buffer.baseAddress?.advanced(by: written), buffer.count - written,
                    offset + UInt64(written))
            }
            if result == -Int(EINTR) { continue }
            written += try checked(result, "write \(bytes.count) bytes at offset \(offset)")
        }
    }
}

/// Repeats a call that a signal interrupted.
@inline(__always)
func retrying(_ call: () -> Int) -> Int {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}

extension OwnedDescriptor {
    /// Waits until there is something to read, or an end; false when the time is over.
    public func isReadable(by deadline: Deadline) throws(SystemError) -> Bool {
        try isReady(for: .readable, by: deadline)
    }

    /// Waits until it is ready for one or the other, or at its end; false when the time is over.
    public func isReady(for readiness: Readiness, by deadline: Deadline) throws(SystemError) -> Bool {
        while true {
            if try !wait(for: [(self, readiness)], timeoutInMilliseconds: deadline.remainingMilliseconds)[0].isEmpty {
                return true
            }
            // A signal ends the wait too.
            if deadline.hasPassed { return false }
        }
    }
}
