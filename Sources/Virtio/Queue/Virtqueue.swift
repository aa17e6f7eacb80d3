public import Memory

/// A split virtqueue (virtio 1.2 §2.7): where its rings lie, and how far the device has come in them.
///
/// Holds indices and addresses only. Memory is a parameter of each call, and everything read from it is fetched once
/// and checked as it is used: the driver may rewrite its rings at any moment.
public struct Virtqueue: Sendable, Equatable {
    /// What the driver wrote into the transport's queue registers.
    public struct Configuration: Sendable, Equatable {
        /// Entries in each ring.
        public var size: UInt16
        /// 16 bytes for each entry, aligned to 16 (§2.7.5).
        public var descriptorTable: GuestAddress
        /// The driver area (§2.6): what the driver offers.
        public var availableRing: GuestAddress
        /// The device area (§2.6): what the device has used.
        public var usedRing: GuestAddress

        /// What a queue has after a reset, by default. Checked when the queue is made.
        public init(
            size: UInt16 = 0, descriptorTable: GuestAddress = GuestAddress(0),
            availableRing: GuestAddress = GuestAddress(0), usedRing: GuestAddress = GuestAddress(0)
        ) {
            self.size = size
            self.descriptorTable = descriptorTable
            self.availableRing = availableRing
            self.usedRing = usedRing
        }
    }

    /// How far the device has come; with the configuration, all that a queue is.
    public struct Progress: Sendable, Equatable {
        /// The available-ring index that is popped next.
        public var nextAvailable: UInt16
        /// The used-ring index that is written next.
        public var nextUsed: UInt16
        /// `nextUsed` when the driver's wish for a notification was last looked at.
        public var lastNotified: UInt16

        /// By default a queue that nothing has gone through.
        public init(nextAvailable: UInt16 = 0, nextUsed: UInt16 = 0, lastNotified: UInt16 = 0) {
            self.nextAvailable = nextAvailable
            self.nextUsed = nextUsed
            self.lastNotified = lastNotified
        }
    }

    /// What comes out of the available ring.
    public enum Popped: Equatable {
        /// The next one that the driver made available.
        case chain(DescriptorChain)
        case empty
        /// The rings can no longer be trusted.
        case fault(QueueFault)
    }

    /// Frozen at DRIVER_OK.
    public let configuration: Configuration
    /// Advanced by `pop` and `push`.
    public private(set) var progress: Progress
    private let hasEventIndex: Bool
    private let hasIndirect: Bool

    /// A queue over rings that are aligned, of a legal size, and whole in mapped memory: else the fault is thrown.
    ///
    /// - `features`: the negotiated feature bits.
    /// - `largestSize`: the largest size that the device offers.
    public init(
        _ configuration: Configuration, features: UInt64, largestSize: UInt16, progress: Progress = Progress(),
        in memory: GuestMemory
    ) throws(QueueConfigurationFault) {
        let size = configuration.size
        guard size > 0, size <= largestSize, size & (size - 1) == 0 else { throw .size(size, largest: largestSize) }
        let entries = UInt64(size)
        // §2.7: sizes and alignments of the three areas; the trailing 2 bytes of both rings are the event fields.
        let areas: [(GuestAddress, sizeInBytes: UInt64, alignment: UInt64)] = [
            (configuration.descriptorTable, 16 * entries, 16),
            (configuration.availableRing, 6 + 2 * entries, 2),
            (configuration.usedRing, 6 + 8 * entries, 4),
        ]
        for (address, sizeInBytes, alignment) in areas {
            guard address.rawValue % alignment == 0 else { throw .misaligned(address, alignment: alignment) }
            guard memory.isMapped(address, sizeInBytes: sizeInBytes) else {
                throw .notMapped(address, sizeInBytes: sizeInBytes)
            }
        }
        self.configuration = configuration
        self.progress = progress
        hasEventIndex = features & RingFeature.eventIndex != 0
        hasIndirect = features & RingFeature.indirectDescriptors != 0
    }

    /// Entries in each ring: a power of two.
    public var size: UInt16 { configuration.size }

    /// Takes the next chain that the driver has made available.
    public mutating func pop(in memory: GuestMemory) -> Popped {
        do throws(QueueFault) {
            guard try availableCount(in: memory) > 0 else { return .empty }
            let chain = try chain(at: progress.nextAvailable, in: memory)
            progress.nextAvailable &+= 1
            return .chain(chain)
        } catch {
            return .fault(error)
        }
    }

    /// The chain that comes `distance` behind the next one. It stays in the queue, and where there is none the driver is
    /// asked for nothing.
    public func peek(_ distance: UInt16, in memory: GuestMemory) -> Popped {
        do throws(QueueFault) {
            guard try countAvailable(in: memory) > distance else { return .empty }
            return .chain(try chain(at: progress.nextAvailable &+ distance, in: memory))
        } catch {
            return .fault(error)
        }
    }

    /// Takes so many chains that were looked at; no more than there are.
    public mutating func take(_ count: UInt16) { progress.nextAvailable &+= count }

    private func chain(at index: UInt16, in memory: GuestMemory) throws(QueueFault) -> DescriptorChain {
        let slot = UInt64(index & (size - 1))
        let head: UInt16 = try load(at: configuration.availableRing, plus: 4 + 2 * slot, in: memory)
        let table = DescriptorTable(address: configuration.descriptorTable, count: UInt32(size))
        return try DescriptorChain(
            from: head, in: table, queueSize: size, allowsIndirect: hasIndirect, memory: memory)
    }

    /// Makes the chain that was popped last the next one again; only before anything else is popped.
    public mutating func putBack() { progress.nextAvailable &-= 1 }

    /// How many chains wait to be popped, at most the queue's size. Where it is none, the driver is asked to notify
    /// of the next one (§2.7.10), so that the device may go to sleep on the answer.
    public func availableCount(in memory: GuestMemory) throws(QueueFault) -> UInt16 {
        let count = try countAvailable(in: memory)
        guard count == 0, hasEventIndex else { return count }
        do {
            try memory.store(
                progress.nextAvailable, at: offset(configuration.usedRing, 4 + 8 * UInt64(size)))
        } catch {
            throw .memory(error)
        }
        // The driver adds, fences and reads the event field; we write it, fence and look again: one of both sees.
        memory.fence()
        return try countAvailable(in: memory)
    }

    private func countAvailable(in memory: GuestMemory) throws(QueueFault) -> UInt16 {
        let index: UInt16
        do { index = try memory.loadAcquire(at: offset(configuration.availableRing, 2)) } catch { throw .memory(error) }
        let count = index &- progress.nextAvailable
        guard count <= size else {
            throw .availableIndexJump(from: progress.nextAvailable, to: index, queueSize: size)
        }
        return count
    }

    /// Gives a chain back to the driver, of which the device has written `written` bytes from the start of its
    /// writable part (§2.7.8).
    public mutating func push(_ chain: DescriptorChain, written: UInt32, in memory: GuestMemory) -> QueueFault? {
        do throws(GuestMemoryError) {
            try store(chain, written: written, at: progress.nextUsed, in: memory)
            try publish(1, in: memory)
            return nil
        } catch {
            return .memory(error)
        }
    }

    /// Gives several chains back, at most as many as the queue has entries: the driver sees all of them or none, as the
    /// parts of one frame must come (§5.1.6.4).
    public mutating func push(
        _ chains: some Collection<(chain: DescriptorChain, written: UInt32)>, in memory: GuestMemory
    ) -> QueueFault? {
        do throws(GuestMemoryError) {
            var index = progress.nextUsed
            for (chain, written) in chains {
                try store(chain, written: written, at: index, in: memory)
                index &+= 1
            }
            try publish(index &- progress.nextUsed, in: memory)
            return nil
        } catch {
            return .memory(error)
        }
    }

    private func store(
        _ chain: DescriptorChain, written: UInt32, at index: UInt16, in memory: GuestMemory
    ) throws(GuestMemoryError) {
        let element = UInt64(chain.head) | UInt64(written) << 32
        try memory.store(element, at: offset(configuration.usedRing, 4 + 8 * UInt64(index & (size - 1))))
    }

    /// Lets the driver see so many elements more.
    private mutating func publish(_ count: UInt16, in memory: GuestMemory) throws(GuestMemoryError) {
        try memory.storeRelease(progress.nextUsed &+ count, at: offset(configuration.usedRing, 2))
        progress.nextUsed &+= count
    }

    /// Whether the driver wants to hear of what was pushed since the last call (§2.7.7, §2.7.10).
    public mutating func shouldNotify(in memory: GuestMemory) -> Bool {
        let (old, new) = (progress.lastNotified, progress.nextUsed)
        guard old != new else { return false }
        progress.lastNotified = new
        // The used index must be out before the driver's wish is read, or both sides could wait for the other.
        memory.fence()
        // A ring that has gone away since is found by the next pop; one interrupt too many harms nobody.
        if hasEventIndex {
            let place = offset(configuration.availableRing, 4 + 2 * UInt64(size))
            guard let event = try? memory.load(UInt16.self, at: place) else { return true }
            return new &- event &- 1 < new &- old
        }
        guard let flags = try? memory.load(UInt16.self, at: configuration.availableRing) else { return true }
        return flags & 1 == 0
    }

    private func load(
        at start: GuestAddress, plus distance: UInt64, in memory: GuestMemory
    ) throws(QueueFault) -> UInt16 {
        do { return try memory.load(at: offset(start, distance)) } catch { throw .memory(error) }
    }

    /// An address within a ring: `init` proved that the whole ring lies in the address space.
    private func offset(_ start: GuestAddress, _ distance: UInt64) -> GuestAddress {
        GuestAddress(start.rawValue &+ distance)
    }
}
