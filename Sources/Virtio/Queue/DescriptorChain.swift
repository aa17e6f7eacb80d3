public import Memory

/// What one descriptor of a chain says (virtio 1.2 §2.7.5), copied out of guest memory.
struct Descriptor {
    let address: GuestAddress
    let sizeInBytes: UInt32
    let flags: UInt16
    let next: UInt16

    var hasNext: Bool { flags & 1 != 0 }
    var isWritable: Bool { flags & 2 != 0 }
    var isIndirect: Bool { flags & 4 != 0 }
}

/// A table of descriptors: the queue's own, or an indirect one.
struct DescriptorTable {
    let address: GuestAddress
    let count: UInt32

    func descriptor(at index: UInt16, in memory: GuestMemory) throws(QueueFault) -> Descriptor {
        let start = address.advanced(by: 16 * UInt64(index))
        guard UInt32(index) < count, let start, let second = start.advanced(by: 8) else {
            throw .descriptorOutOfRange(index: index, tableSize: count)
        }
        do {
            let rest = try memory.load(UInt64.self, at: second)
            return Descriptor(
                address: GuestAddress(try memory.load(UInt64.self, at: start)),
                sizeInBytes: UInt32(truncatingIfNeeded: rest),
                flags: UInt16(truncatingIfNeeded: rest >> 32),
                next: UInt16(truncatingIfNeeded: rest >> 48))
        } catch {
            throw .memory(error)
        }
    }
}

/// One request of a driver: buffers for the device to read, then buffers for it to write.
///
/// The ranges do not wrap around, and are otherwise as the guest gave them: whether they are memory is found out when
/// they are accessed. Empty buffers are left out.
public struct DescriptorChain: Sendable, Equatable {
    /// The chain's name towards the driver: the index of its first descriptor.
    public let head: UInt16
    /// What the device reads, in the driver's order; none empty.
    public private(set) var readable: [GuestRange] = []
    /// What the device writes, in the driver's order; none empty.
    public private(set) var writable: [GuestRange] = []
    /// How many bytes there are to read.
    public private(set) var readableSizeInBytes: UInt64 = 0
    /// How many bytes there is room for.
    public private(set) var writableSizeInBytes: UInt64 = 0

    private var hasWritable = false

    /// Follows a chain through its table. Takes `queueSize` + 2 steps at most, whatever the guest wrote.
    init(
        from head: UInt16, in queueTable: DescriptorTable, queueSize: UInt16, allowsIndirect: Bool, memory: GuestMemory
    ) throws(QueueFault) {
        self.head = head
        var table = queueTable
        var index = head
        var isInside = false
        var count: UInt16 = 0
        while true {
            let descriptor = try table.descriptor(at: index, in: memory)
            if descriptor.isIndirect {
                guard allowsIndirect else { throw .indirectNotNegotiated }
                guard !isInside else { throw .nestedIndirect }
                table = try Self.indirectTable(of: descriptor)
                isInside = true
                index = 0
                continue
            }
            guard count < queueSize else { throw .chainTooLong(queueSize: queueSize) }
            count += 1
            try append(descriptor, index: index)
            guard descriptor.hasNext else { return }
            index = descriptor.next
        }
    }

    private static func indirectTable(of descriptor: Descriptor) throws(QueueFault) -> DescriptorTable {
        guard !descriptor.hasNext else { throw .indirectWithNext }
        let size = descriptor.sizeInBytes
        guard size > 0, size % 16 == 0 else { throw .indirectTableSize(size) }
        return DescriptorTable(address: descriptor.address, count: size / 16)
    }

    private mutating func append(_ descriptor: Descriptor, index: UInt16) throws(QueueFault) {
        guard descriptor.isWritable || !hasWritable else { throw .readableAfterWritable(index: index) }
        hasWritable = descriptor.isWritable
        let size = UInt64(descriptor.sizeInBytes)
        guard readableSizeInBytes + writableSizeInBytes + size <= 1 << 32 else { throw .chainTooLarge }
        guard let range = GuestRange(start: descriptor.address, sizeInBytes: size) else {
            throw .addressOverflow(address: descriptor.address, sizeInBytes: descriptor.sizeInBytes)
        }
        guard size > 0 else { return }
        if descriptor.isWritable {
            writable.append(range)
            writableSizeInBytes += size
        } else {
            readable.append(range)
            readableSizeInBytes += size
        }
    }
}
