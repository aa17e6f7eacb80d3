public import Memory

/// What a driver did wrong with a queue. After a fault the rings can no longer be trusted: the device needs a reset.
public enum QueueFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// A ring or an indirect table is not in memory that the guest has now.
    case memory(GuestMemoryError)
    /// More buffers are said to be available than the queue can hold (virtio 1.2 §2.7.6).
    case availableIndexJump(from: UInt16, to: UInt16, queueSize: UInt16)
    /// A descriptor index lies outside its table.
    case descriptorOutOfRange(index: UInt16, tableSize: UInt32)
    /// A chain has more descriptors than the queue (§2.7.5.3.1), or runs in a circle.
    case chainTooLong(queueSize: UInt16)
    /// A buffer wraps around the end of the address space.
    case addressOverflow(address: GuestAddress, sizeInBytes: UInt32)
    /// A chain describes more than 2^32 bytes (§2.7.4.1).
    case chainTooLarge
    /// A device-readable buffer after a device-writable one (§2.7.4.2).
    case readableAfterWritable(index: UInt16)
    /// An indirect descriptor without VIRTIO_F_INDIRECT_DESC (§2.7.5.3.1).
    case indirectNotNegotiated
    /// An indirect descriptor inside an indirect table (§2.7.5.3.1).
    case nestedIndirect
    /// An indirect descriptor with a successor (§2.7.5.3.1).
    case indirectWithNext
    /// An indirect table of no descriptors, or of a fraction of one.
    case indirectTableSize(UInt32)

    public var description: String {
        switch self {
        case .memory(let error): "\(error)"
        case .availableIndexJump(let from, let to, let size):
            "available index went from \(from) to \(to) in a queue of \(size)"
        case .descriptorOutOfRange(let index, let size): "descriptor \(index) in a table of \(size)"
        case .chainTooLong(let size): "a descriptor chain longer than the queue size of \(size)"
        case .addressOverflow(let address, let size): "a buffer of \(size) bytes at \(address) wraps around"
        case .chainTooLarge: "a descriptor chain of more than 2^32 bytes"
        case .readableAfterWritable(let index): "descriptor \(index) is device-readable after a device-writable one"
        case .indirectNotNegotiated: "an indirect descriptor without VIRTIO_F_INDIRECT_DESC"
        case .nestedIndirect: "an indirect descriptor inside an indirect table"
        case .indirectWithNext: "an indirect descriptor with a successor"
        case .indirectTableSize(let size): "an indirect table of \(size) bytes, expected a multiple of 16 above 0"
        }
    }
}

/// Why a queue cannot be used as the driver configured it.
public enum QueueConfigurationFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// Not a power of two between 1 and the device's largest size.
    case size(UInt16, largest: UInt16)
    /// A ring is not aligned as virtio 1.2 §2.7 demands.
    case misaligned(GuestAddress, alignment: UInt64)
    /// A ring does not lie whole in one region of mapped guest memory.
    case notMapped(GuestAddress, sizeInBytes: UInt64)

    public var description: String {
        switch self {
        case .size(let size, let largest): "queue size \(size), expected a power of two up to \(largest)"
        case .misaligned(let address, let alignment): "a ring at \(address), expected a multiple of \(alignment)"
        case .notMapped(let address, let size): "a ring of \(size) bytes at \(address) is not in guest memory"
        }
    }
}
