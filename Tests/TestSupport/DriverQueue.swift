public import Memory
public import Virtio

/// The driver's side of a split virtqueue, for tests, benches and fuzzing: well-behaved through `add`, and whatever a
/// hostile guest wants through `writeDescriptor` and the ring fields.
public struct DriverQueue {
    /// What one descriptor says (virtio 1.2 §2.7.5).
    public struct Descriptor: Equatable, Sendable {
        public static let next: UInt16 = 1
        public static let writable: UInt16 = 2
        public static let indirect: UInt16 = 4

        public var address: UInt64
        public var sizeInBytes: UInt32
        public var flags: UInt16
        public var next: UInt16

        public init(_ address: UInt64, _ sizeInBytes: UInt32, flags: UInt16 = 0, next: UInt16 = 0) {
            self.address = address
            self.sizeInBytes = sizeInBytes
            self.flags = flags
            self.next = next
        }
    }

    /// A part of a request.
    public enum Buffer: Sendable {
        /// Bytes for the device to read.
        case readable([UInt8])
        /// Room for the device to write to, in bytes.
        case writable(Int)
        /// A range as it is, for zones, holes and wrap-arounds.
        case range(UInt64, UInt32, writable: Bool)
    }

    /// What the device gave back.
    public struct Used: Equatable, Sendable {
        public var head: UInt32
        public var written: UInt32
        public init(head: UInt32, written: UInt32) {
            self.head = head
            self.written = written
        }
    }

    public let configuration: Virtqueue.Configuration
    public let memory: GuestMemory
    /// Where the queue's rings end: the next queue, or buffers, may begin here.
    public let end: GuestAddress
    private var nextDescriptor: UInt16 = 0
    private var nextAvailable: UInt16 = 0
    private var lastUsed: UInt16 = 0
    private var arena: Arena

    /// Lays the rings out at `base` (a multiple of 4096), and takes buffers from the `arenaSizeInBytes` behind them.
    public init(size: UInt16, at base: UInt64, arenaSizeInBytes: UInt64 = 256 << 10, in memory: GuestMemory) {
        let available = base + 16 * UInt64(size)
        let used = (available + 6 + 2 * UInt64(size) + 3) & ~3
        let ringsEnd = (used + 6 + 8 * UInt64(size) + 4095) & ~4095
        configuration = Virtqueue.Configuration(
            size: size, descriptorTable: GuestAddress(base), availableRing: GuestAddress(available),
            usedRing: GuestAddress(used))
        self.memory = memory
        arena = Arena(start: ringsEnd, end: ringsEnd + arenaSizeInBytes)
        end = GuestAddress(ringsEnd + arenaSizeInBytes)
    }

    /// Bytes of guest memory handed out in turn, over and over.
    private struct Arena {
        let start: UInt64
        let end: UInt64
        var next: UInt64

        init(start: UInt64, end: UInt64) {
            (self.start, self.end, next) = (start, end, start)
        }

        mutating func take(_ count: Int) -> UInt64 {
            let size = (UInt64(count) + 15) & ~15
            precondition(size <= end - start, "a test buffer larger than the arena")
            if next + size > end { next = start }
            defer { next += size }
            return next
        }
    }

    // MARK: A good driver

    /// A request that was added.
    public struct Request {
        public let head: UInt16
        /// Where each of its buffers lies.
        public let ranges: [GuestRange]
    }

    /// Adds a request as one chain and makes it available.
    @discardableResult
    public mutating func add(_ buffers: [Buffer], indirect: Bool = false) throws -> Request {
        var descriptors: [Descriptor] = []
        for buffer in buffers {
            switch buffer {
            case .readable(let bytes):
                let address = arena.take(bytes.count)
                try memory.write(bytes, at: GuestAddress(address))
                descriptors.append(Descriptor(address, UInt32(bytes.count)))
            case .writable(let count):
                descriptors.append(
                    Descriptor(arena.take(count), UInt32(count), flags: Descriptor.writable))
            case .range(let address, let size, let writable):
                descriptors.append(Descriptor(address, size, flags: writable ? Descriptor.writable : 0))
            }
        }
        let ranges = descriptors.compactMap {
            GuestRange(start: GuestAddress($0.address), sizeInBytes: UInt64($0.sizeInBytes))
        }
        let head = try indirect ? place(indirectly: descriptors) : place(descriptors)
        try offer(head)
        return Request(head: head, ranges: ranges)
    }

    /// What the device has given back since the last call.
    public mutating func takeUsed() throws -> [Used] {
        let index = try memory.loadAcquire(at: used(2))
        var result: [Used] = []
        while lastUsed != index {
            let slot = UInt64(lastUsed % configuration.size)
            result.append(
                Used(head: try memory.load(at: used(4 + 8 * slot)), written: try memory.load(at: used(8 + 8 * slot))))
            lastUsed &+= 1
        }
        return result
    }

    /// The bytes of a request's buffers from `buffer` on.
    public func bytes(of request: Request, from buffer: Int, count: Int) throws -> [UInt8] {
        var result: [UInt8] = []
        for range in request.ranges[buffer...] {
            result += try memory.read(min(count - result.count, Int(range.sizeInBytes)), at: range.start)
        }
        return result
    }

    /// VIRTQ_AVAIL_F_NO_INTERRUPT, for drivers without event index.
    public func setNoInterrupt(_ wish: Bool) throws {
        try memory.store(UInt16(wish ? 1 : 0), at: configuration.availableRing)
    }

    /// The used index from which on the driver wants to be interrupted (EVENT_IDX).
    public func setUsedEvent(_ index: UInt16) throws {
        try memory.store(index, at: available(4 + 2 * UInt64(configuration.size)))
    }

    /// The available index from which on the device wants to be notified (EVENT_IDX).
    public func availableEvent() throws -> UInt16 {
        try memory.load(at: used(4 + 8 * UInt64(configuration.size)))
    }

    // MARK: A hostile one

    /// Writes a descriptor into the queue's own table.
    public func writeDescriptor(_ descriptor: Descriptor, at index: UInt16) throws {
        try write(descriptor, at: configuration.descriptorTable.rawValue + 16 * UInt64(index))
    }

    /// Writes a descriptor anywhere, as into an indirect table.
    public func write(_ descriptor: Descriptor, at address: UInt64) throws {
        try memory.store(descriptor.address, at: GuestAddress(address))
        try memory.store(descriptor.sizeInBytes, at: GuestAddress(address + 8))
        try memory.store(descriptor.flags, at: GuestAddress(address + 12))
        try memory.store(descriptor.next, at: GuestAddress(address + 14))
    }

    /// Makes the chain that begins with a descriptor available.
    public mutating func offer(_ head: UInt16) throws {
        try memory.store(head, at: available(4 + 2 * UInt64(nextAvailable % configuration.size)))
        nextAvailable &+= 1
        try setAvailableIndex(nextAvailable)
    }

    public func setAvailableIndex(_ index: UInt16) throws { try memory.storeRelease(index, at: available(2)) }

    /// Memory for a table or a buffer.
    public mutating func takeMemory(_ count: Int) -> UInt64 { arena.take(count) }

    private mutating func place(_ descriptors: [Descriptor]) throws -> UInt16 {
        let size = configuration.size
        let head = nextDescriptor
        for (place, descriptor) in descriptors.enumerated() {
            var linked = descriptor
            if place + 1 < descriptors.count {
                linked.flags |= Descriptor.next
                linked.next = (nextDescriptor &+ 1) % size
            }
            try writeDescriptor(linked, at: nextDescriptor)
            nextDescriptor = (nextDescriptor &+ 1) % size
        }
        return head
    }

    private mutating func place(indirectly descriptors: [Descriptor]) throws -> UInt16 {
        let table = arena.take(16 * descriptors.count)
        for (place, descriptor) in descriptors.enumerated() {
            var linked = descriptor
            if place + 1 < descriptors.count {
                linked.flags |= Descriptor.next
                linked.next = UInt16(place + 1)
            }
            try write(linked, at: table + 16 * UInt64(place))
        }
        return try place([Descriptor(table, UInt32(16 * descriptors.count), flags: Descriptor.indirect)])
    }

    private func available(_ distance: UInt64) -> GuestAddress {
        GuestAddress(configuration.availableRing.rawValue + distance)
    }

    private func used(_ distance: UInt64) -> GuestAddress { GuestAddress(configuration.usedRing.rawValue + distance) }
}
