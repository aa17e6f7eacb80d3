import CLinux
import Glibc
import SystemPackage

extension OwnedDescriptor {
    /// The parts of a range of the file that have data, rounded to whole pages (lseek(2), SEEK_DATA and SEEK_HOLE); the
    /// whole range where the file system does not report holes. Moves the descriptor's offset.
    ///
    /// - `gap`: holes smaller than this, in bytes, count as data.
    /// - `limit`: the last part takes in all holes behind it when there would be more parts.
    public func dataRanges(
        in range: Range<UInt64>, bridging gap: UInt64, atMost limit: Int
    ) throws(SystemError) -> [Range<UInt64>] {
        let page: UInt64 = 4096
        var parts: [Range<UInt64>] = []
        var place = range.lowerBound
        while place < range.upperBound {
            guard let data = try find(clinux_seek_data, from: place) else { break }
            // Every file ends with a hole.
            let hole = try find(clinux_seek_hole, from: data) ?? range.upperBound
            place = min(range.upperBound, hole)
            let start = max(range.lowerBound, data / page * page)
            let end = min(range.upperBound, (hole + page - 1) / page * page)
            guard start < end else { break }
            if let last = parts.last, start < last.upperBound + gap || parts.count == limit {
                parts[parts.count - 1] = last.lowerBound..<end
            } else {
                parts.append(start..<end)
            }
        }
        return parts
    }

    /// Where it begins at or behind a place; nil behind the file's last data.
    private func find(
        _ seek: (CInt, UInt64) -> Int64, from place: UInt64
    ) throws(SystemError) -> UInt64? {
        let found = seek(rawValue, place)
        if found == -Int64(Errno.noSuchAddressOrDevice.rawValue) { return nil }
        return UInt64(try checked(found, "find what lies behind byte \(place) of a file"))
    }
}

extension OwnedDescriptor {
    /// FALLOC_FL_KEEP_SIZE (include/uapi/linux/falloc.h)
    private static let keepSize: CInt = 1

    /// Reserves room on the disk for the file's first bytes (fallocate(2), FALLOC_FL_KEEP_SIZE): a write to them does not
    /// fail for lack of it. The file's size stays.
    ///
    /// - Parameter count: in bytes.
    public func reserve(_ count: Int) throws(SystemError) {
        try checked(
            clinux_allocate(rawValue, Self.keepSize, 0, UInt64(count)), "reserve \(count) bytes of a file")
    }

    /// Gives the file this size in bytes; what is added reads as zeros and takes no room.
    public func setSize(_ size: UInt64) throws(SystemError) {
        try checked(negated(ftruncate(rawValue, off_t(size))), "size a file to \(size) bytes")
    }

    /// Waits until the file's bytes are on their medium.
    public func writeOut() throws(SystemError) { try checked(negated(fsync(rawValue)), "write a file to its medium") }

    /// Changes who may do what with the file.
    public func setMode(_ mode: UInt32) throws(SystemError) {
        try checked(negated(fchmod(rawValue, mode)), "change a file's mode")
    }

    public func status() throws(SystemError) -> FileStatus {
        var status = stat()
        // SAFETY: the local variable lives for the call.
        guard unsafe fstat(rawValue, &status) == 0 else {
            throw SystemError("examine an open file", Errno(rawValue: errno))
        }
        return FileStatus(status)
    }
}
