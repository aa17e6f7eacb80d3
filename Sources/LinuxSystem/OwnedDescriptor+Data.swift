import CLinux
import SystemPackage

extension OwnedDescriptor {
    /// The parts of a range of the file that have data, rounded to whole pages (lseek(2), SEEK_DATA and SEEK_HOLE); the
    /// whole range where the file system does not tell. Moves the descriptor's offset.
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
