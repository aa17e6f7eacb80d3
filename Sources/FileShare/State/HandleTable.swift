import LinuxSystem
import Synchronization
import SystemPackage

/// A file or directory that the guest has open.
final class Handle: Sendable {
    /// Nil for the root of all, which has nothing in it.
    let volume: Volume?
    let node: UInt64
    let device: UInt64
    let inode: UInt64
    let descriptor: OwnedDescriptor?
    /// How far a directory is listed. Held for the calls that list it.
    let listing = Mutex(DirectoryListing())

    init(_ node: Node, _ descriptor: OwnedDescriptor) {
        volume = node.volume
        self.node = node.id
        device = node.identity.device
        inode = node.identity.inode
        self.descriptor = descriptor
        node.volume.handleCount.add(1, ordering: .relaxed)
    }

    init(emptyDirectory node: UInt64) {
        volume = nil
        self.node = node
        (device, inode) = (0, node)
        descriptor = nil
    }

    deinit { volume?.handleCount.subtract(1, ordering: .relaxed) }
}

/// What the guest has open. Protected by the server's lock.
struct HandleTable {
    /// Of one volume.
    static let maxHandles = 8192

    private var handles: [UInt64: Handle] = [:]
    private var next: UInt64 = 1
    private let max: Int

    init(max: Int) { self.max = Swift.max(16, max) }

    var count: Int { handles.count }

    mutating func enter(_ handle: Handle) throws(Errno) -> UInt64 {
        let own = handle.volume?.handleCount.load(ordering: .relaxed) ?? 0
        guard handles.count < max, own <= Self.maxHandles else { throw .tooManyOpenFilesInSystem }
        defer { next += 1 }
        handles[next] = handle
        return next
    }

    /// The handle, if it is one of this node.
    func handle(_ id: UInt64, of node: UInt64) throws(Errno) -> Handle {
        guard let handle = handles[id], handle.node == node else { throw .badFileDescriptor }
        return handle
    }

    mutating func remove(_ id: UInt64, of node: UInt64) -> Handle? {
        handles[id]?.node == node ? handles.removeValue(forKey: id) : nil
    }

    mutating func removeAll(where isGone: (Volume?) -> Bool) {
        handles = handles.filter { !isGone($0.value.volume) }
    }
}
