import Glibc
import LinuxSystem
import SystemPackage

/// Where an open directory is listed, and what was read of it last.
///
/// A guest reads a directory in pieces, and often takes a part of a piece only: then it goes on in the middle of it. To
/// go back there by the host's positions would be right only where these hold under change; on some file systems (tmpfs
/// before Linux 6.6) they are counts of entries, and each name that was removed meanwhile makes another one be left
/// out. So what was read last is kept, and the host's position is set only where a guest asks for another place than
/// one of it: at the beginning (rewinddir), and after a seekdir far back. Protected by the handle's lock.
struct DirectoryListing {
    /// What is read of a directory at a time, and the most that is kept, in bytes.
    static let pieceSizeInBytes = 8 << 10

    /// Entries as getdents64(2) gives them.
    private var piece: [UInt8] = []
    /// The place of the first of them.
    private var start: UInt64 = 0
    /// Where the host's next entries are.
    private var position: UInt64 = 0

    /// The entries from a place on; none at the directory's end. They are those of one piece at most.
    mutating func entries(
        from place: UInt64, of directory: OwnedDescriptor, by calls: FileCalls
    ) throws(Errno) -> ArraySlice<UInt8> {
        if place == 0 {
            // From the beginning, what has come since is to be seen.
            if position != 0 { try move(directory, to: 0, by: calls) }
        } else if let rest = rest(from: place) {
            if !rest.isEmpty { return rest }
        } else {
            try move(directory, to: place, by: calls)
        }
        (piece, start) = ([], position)
        piece = try calls.list(directory, room: Self.pieceSizeInBytes)
        var rest = piece[...]
        while let entry = DirectoryEntry(next: &rest) { position = entry.nextPlace }
        return piece[...]
    }

    /// What of the piece comes after a place, which may be all or nothing; nil where the place is not in it.
    private func rest(from place: UInt64) -> ArraySlice<UInt8>? {
        if place == position { return [] }
        if place == start { return piece[...] }
        var rest = piece[...]
        while let entry = DirectoryEntry(next: &rest) { if entry.nextPlace == place { return rest } }
        return nil
    }

    private mutating func move(_ directory: OwnedDescriptor, to place: UInt64, by calls: FileCalls) throws(Errno) {
        _ = try calls.seek(directory, to: place, whence: SEEK_SET)
        (piece, start, position) = ([], place, place)
    }
}
