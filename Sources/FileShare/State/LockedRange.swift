/// What a lock of a range is (F_RDLCK, F_WRLCK, F_UNLCK of fcntl(2)).
enum LockKind: UInt32, Sendable {
    case shared = 0
    case exclusive = 1
    case none = 2
}

/// Bytes of a file, the last included, and how they are locked.
struct LockedRange: Equatable, Sendable {
    /// The end of every file, wherever it will be.
    static let endOfFile = UInt64(Int64.max)

    var kind: LockKind
    var start: UInt64
    var end: UInt64

    /// Nil where the numbers are not a range of a file.
    init?(_ kind: LockKind, from start: UInt64, through end: UInt64) {
        guard start <= end, end <= Self.endOfFile else { return nil }
        self.init(kind: kind, start: start, end: end)
    }

    init(kind: LockKind, start: UInt64, end: UInt64) {
        self.kind = kind
        self.start = start
        self.end = end
    }

    func overlaps(_ other: LockedRange) -> Bool { start <= other.end && other.start <= end }
}

/// The locks of one owner of one file, as the host's kernel keeps them: sorted, none over another, neighbours of one kind
/// joined. They are counted, and name the owner of a lock that is in another's way.
struct LockedRanges: Equatable, Sendable {
    private(set) var ranges: [LockedRange] = []

    var isEmpty: Bool { ranges.isEmpty }
    var count: Int { ranges.count }

    /// A lock that was set, or removed, takes the place of what was there.
    mutating func set(_ range: LockedRange) {
        var result: [LockedRange] = []
        for old in ranges {
            guard old.overlaps(range) else {
                result.append(old)
                continue
            }
            if old.start < range.start {
                result.append(LockedRange(kind: old.kind, start: old.start, end: range.start - 1))
            }
            if old.end > range.end { result.append(LockedRange(kind: old.kind, start: range.end + 1, end: old.end)) }
        }
        if range.kind != .none { result.append(range) }
        result.sort { $0.start < $1.start }
        ranges = result.reduce(into: []) { joined, range in
            if let last = joined.last, last.kind == range.kind, last.end + 1 == range.start {
                joined[joined.count - 1].end = range.end
            } else {
                joined.append(range)
            }
        }
    }

    func hasOne(inTheWayOf range: LockedRange) -> Bool {
        ranges.contains { $0.overlaps(range) && ($0.kind == .exclusive || range.kind == .exclusive) }
    }
}
