import LinuxSystem
import Synchronization
import SystemPackage

/// The files that the guest knows. Protected by the server's lock.
///
/// A guest may know many more files than a process can have open: descriptors are a cache, and a node without one is
/// opened again by its directory and name. If another file is there by then, the node is stale, and the guest looks the
/// name up again.
final class NodeTable {
    /// Of one volume.
    static let maxNodes = 65_536

    private var nodes: [UInt64: Node] = [:]
    private var byIdentity: [Node.Identity: Node] = [:]
    private var cached: [Node] = []
    private var hand = 0
    private let maxCached: Int
    private let calls: FileCalls

    init(maxDescriptors: Int, calls: FileCalls) {
        maxCached = max(16, maxDescriptors)
        self.calls = calls
    }

    subscript(id: UInt64) -> Node? { nodes[id] }
    var count: Int { nodes.count }
    var descriptorCount: Int { cached.count }

    /// The node of a file that was just opened, which the guest gets one more reference to.
    func enter(
        _ descriptor: OwnedDescriptor, _ status: FileStatus, in volume: Volume, at place: Node.Place?
    ) throws(Errno) -> Node {
        guard let kind = status.kind else { throw .invalidArgument }
        let identity = Node.Identity(
            volume: ObjectIdentifier(volume), device: status.device, inode: status.inode)
        if let node = byIdentity[identity], node.kind == kind {
            if let place { node.move(to: place) }
            if node.descriptor == nil { cache(descriptor, of: node) }
            node.lookUps += 1
            return node
        }
        guard volume.nodeCount.load(ordering: .relaxed) < Self.maxNodes else { throw .tooManyOpenFilesInSystem }
        guard (place?.directory.depth ?? 0) < Node.maxDepth else { throw .fileNameTooLong }
        let node = Node(
            id: freshID(), generation: .random(in: 1 ... .max), volume: volume, identity: identity, kind: kind,
            place: place)
        nodes[node.id] = node
        byIdentity[identity] = node
        node.lookUps = 1
        if place == nil { node.descriptor = descriptor } else { cache(descriptor, of: node) }
        return node
    }

    /// A descriptor of the node's file; its own, or opened again.
    func descriptor(of node: Node) throws(Errno) -> OwnedDescriptor {
        var missing: [Node] = []
        var next = node
        while next.descriptor == nil {
            // What is open is found by that, also where its name is gone.
            if let open = next.handles.first?.descriptor {
                cache(try calls.reopenNode(open), of: next)
                break
            }
            missing.append(next)
            guard let directory = next.place?.directory else { throw .staleNFSFileHandle }
            next = directory
        }
        guard var descriptor = next.descriptor else { throw .staleNFSFileHandle }
        next.wasUsed = true
        for node in missing.reversed() {
            descriptor = try reopen(node, in: descriptor)
            cache(descriptor, of: node)
        }
        return descriptor
    }

    private func reopen(_ node: Node, in directory: OwnedDescriptor) throws(Errno) -> OwnedDescriptor {
        guard let name = node.place?.name, let descriptor = try? calls.node(name, in: directory),
            let status = try? calls.status(of: descriptor), status.device == node.identity.device,
            status.inode == node.identity.inode, status.kind == node.kind
        else { throw .staleNFSFileHandle }
        return descriptor
    }

    /// The guest has forgotten a node so many times.
    func forget(_ id: UInt64, _ times: UInt64) {
        // A volume's own root is the volume's to keep.
        guard let node = nodes[id] else { return }
        node.lookUps -= min(node.lookUps, times)
        if node.lookUps == 0, node.place != nil { remove(node) }
    }

    /// What the guest knows of a place that was renamed.
    func note(_ identity: Node.Identity, movedTo place: Node.Place) { byIdentity[identity]?.move(to: place) }

    func removeAll(where isGone: (Volume) -> Bool) {
        for node in Array(nodes.values) where isGone(node.volume) { remove(node) }
        // Directories that the guest has forgotten, but not what was in them.
        for node in cached where isGone(node.volume) { dropDescriptor(of: node) }
    }

    private func remove(_ node: Node) {
        nodes[node.id] = nil
        node.wasClosedByAll()
        if byIdentity[node.identity] === node { byIdentity[node.identity] = nil }
        dropDescriptor(of: node)
    }

    private func freshID() -> UInt64 {
        while true {
            // 1 is the root of all, 0 none.
            let id = UInt64.random(in: 2 ... .max)
            if nodes[id] == nil { return id }
        }
    }

    // MARK: The cache of descriptors; the second chance goes round

    private func cache(_ descriptor: OwnedDescriptor, of node: Node) {
        node.descriptor = descriptor
        node.wasUsed = true
        guard cached.count >= maxCached else {
            node.cacheSlot = cached.count
            return cached.append(node)
        }
        while cached[hand].wasUsed {
            cached[hand].wasUsed = false
            hand = (hand + 1) % cached.count
        }
        let victim = cached[hand]
        victim.descriptor = nil
        victim.cacheSlot = nil
        cached[hand] = node
        node.cacheSlot = hand
        hand = (hand + 1) % cached.count
    }

    private func dropDescriptor(of node: Node) {
        node.descriptor = nil
        guard let slot = node.cacheSlot, let last = cached.popLast() else { return }
        node.cacheSlot = nil
        if last !== node {
            cached[slot] = last
            last.cacheSlot = slot
        }
        if hand >= cached.count { hand = 0 }
    }
}
