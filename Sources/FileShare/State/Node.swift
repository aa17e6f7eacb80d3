import LinuxSystem
import Synchronization

/// A file that the guest knows: by a name in a directory that it knows too. Protected by the server's lock.
final class Node {
    /// What the guest calls it: 64 random bits, for a process in the guest that may open files by their handles must not guess
    /// those of another's volume.
    let id: UInt64
    let generation: UInt32
    let volume: Volume
    let identity: Identity
    let kind: FileKind
    /// Where it was last seen; nil for a volume's root.
    private(set) var place: Place?
    /// How many references the guest has: answers that named it, less what it has forgotten (FORGET).
    var lookUps: UInt64 = 0
    /// An open descriptor (O_PATH). Where it has none, it is opened anew by its place.
    var descriptor: OwnedDescriptor?
    /// Where it is in the cache of descriptors.
    var cacheSlot: Int?
    var wasUsed = false
    /// How the guest has it open, and where it is found if it has no name any more.
    private(set) var handles: [Handle] = []

    struct Identity: Hashable {
        let volume: ObjectIdentifier
        let device: UInt64
        let inode: UInt64
    }

    struct Place {
        let directory: Node
        /// Nil for a file that was made without one (O_TMPFILE).
        let name: FileName?
    }

    /// A deeper tree is not served: names are looked up along the whole way.
    static let maxDepth = 1024

    init(id: UInt64, generation: UInt32, volume: Volume, identity: Identity, kind: FileKind, place: Place?) {
        self.id = id
        self.generation = generation
        self.volume = volume
        self.identity = identity
        self.kind = kind
        self.place = place
        volume.nodeCount.add(1, ordering: .relaxed)
    }

    deinit { volume.nodeCount.subtract(1, ordering: .relaxed) }

    /// How many directories there are above it in its volume.
    var depth: Int {
        var depth = 0
        var node = self
        while let directory = node.place?.directory {
            depth += 1
            node = directory
        }
        return depth
    }

    func wasOpened(_ handle: Handle) { handles.append(handle) }
    func wasClosed(_ handle: Handle) { handles.removeAll { $0 === handle } }
    func wasClosedByAll() { handles = [] }

    /// Notes where it is now. A directory that would come below itself, as names that others change can have it, stays
    /// where it was last seen.
    func move(to place: Place) {
        guard self.place != nil else { return }
        var above: Node? = place.directory
        while let directory = above {
            if directory === self { return }
            above = directory.place?.directory
        }
        self.place = place
    }
}
