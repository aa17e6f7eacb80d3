import LinuxSystem
import SystemPackage

/// Which owners in the guest hold locks of which files' ranges. Each owner has the file open for itself: the host's
/// kernel knows its locks as those of that open file (F_OFD_SETLK), apart from other owners', other VMs' and the
/// host's, and frees them when it is closed, however this process ends. Protected by the server's lock.
struct LockTable {
    /// Of one volume: owners, and ranges of all of them.
    static let maxOwners = 1024
    static let maxRanges = 4096

    /// The guest's number of an owner, for one file.
    struct Key: Hashable {
        let node: UInt64
        let owner: UInt64
    }

    final class Owner {
        let volume: Volume
        let descriptor: OwnedDescriptor
        /// The process in the guest that took the last lock.
        fileprivate(set) var process: UInt32 = 0
        /// By which open file of the guest it was taken: one that belongs to that file (F_OFD_SETLK) ends with it, and the
        /// guest reports no other end.
        fileprivate(set) var handle: UInt64 = 0
        fileprivate(set) var ranges = LockedRanges()

        init(_ volume: Volume, _ descriptor: OwnedDescriptor) {
            self.volume = volume
            self.descriptor = descriptor
        }
    }

    private var owners: [Key: Owner] = [:]
    /// By node: the owners that hold locks of it.
    private var ownersOfNode: [UInt64: Set<UInt64>] = [:]
    private var counts: [ObjectIdentifier: (owners: Int, ranges: Int)] = [:]
    private let maxDescriptors: Int

    init(maxDescriptors: Int) { self.maxDescriptors = max(16, maxDescriptors) }

    var count: Int { owners.count }

    subscript(key: Key) -> Owner? { owners[key] }

    /// - Throws: ENOLCK where the volume, or the server, has as many as there can be.
    mutating func enter(_ owner: Owner, _ key: Key) throws(Errno) {
        let count = counts[ObjectIdentifier(owner.volume)] ?? (0, 0)
        guard owners.count < maxDescriptors, count.owners < Self.maxOwners else { throw .noLocks }
        counts[ObjectIdentifier(owner.volume)] = (count.owners + 1, count.ranges)
        owners[key] = owner
        ownersOfNode[key.node, default: []].insert(key.owner)
    }

    /// - Throws: ENOLCK where the volume would have more ranges than it can have, as it may by an unlock too, which splits.
    func checkRoom(for range: LockedRange, of owner: Owner) throws(Errno) {
        var ranges = owner.ranges
        ranges.set(range)
        let count = (counts[ObjectIdentifier(owner.volume)]?.ranges ?? 0) + ranges.count - owner.ranges.count
        guard ranges.count <= owner.ranges.count || count <= Self.maxRanges else { throw .noLocks }
    }

    /// Notes what the host's kernel has done.
    mutating func note(_ range: LockedRange, of key: Key, by process: UInt32, through handle: UInt64) {
        guard let owner = owners[key] else { return }
        let before = owner.ranges.count
        owner.ranges.set(range)
        if range.kind != .none { (owner.process, owner.handle) = (process, handle) }
        counts[ObjectIdentifier(owner.volume)]?.ranges += owner.ranges.count - before
        if owner.ranges.isEmpty { remove(key) }
    }

    /// The process in the guest whose lock is in the way; nil where none of this guest's is.
    func process(inTheWayOf range: LockedRange, of key: Key) -> UInt32? {
        for owner in ownersOfNode[key.node] ?? [] where owner != key.owner {
            if let holder = owners[Key(node: key.node, owner: owner)], holder.ranges.hasOne(inTheWayOf: range) {
                return holder.process
            }
        }
        return nil
    }

    /// Removes an owner with its locks, which end with the last use of what is returned.
    @discardableResult
    mutating func remove(_ key: Key) -> Owner? {
        guard let owner = owners.removeValue(forKey: key) else { return nil }
        ownersOfNode[key.node]?.remove(key.owner)
        if ownersOfNode[key.node]?.isEmpty == true { ownersOfNode[key.node] = nil }
        let volume = ObjectIdentifier(owner.volume)
        let count = counts[volume] ?? (1, owner.ranges.count)
        counts[volume] = count.owners == 1 ? nil : (count.owners - 1, count.ranges - owner.ranges.count)
        return owner
    }

    /// Removes who took locks by an open file that is closed now. Processes' own have ended before (`remove`).
    mutating func removeAll(of node: UInt64, through handle: UInt64) -> [Owner] {
        (ownersOfNode[node] ?? []).compactMap { owner in
            let key = Key(node: node, owner: owner)
            return owners[key]?.handle == handle ? remove(key) : nil
        }
    }

    mutating func removeAll(where isGone: (Volume) -> Bool) {
        for (key, owner) in owners where isGone(owner.volume) { remove(key) }
    }
}
