import Memory

/// What a packet means (virtio 1.2 §5.10.6, VIRTIO_VSOCK_OP_…).
enum VsockOperation: UInt16, Sendable {
    case request = 1
    case response = 2
    case reset = 3
    case shutdown = 4
    case readWrite = 5
    case creditUpdate = 6
    case creditRequest = 7
}

/// Which side of a stream a sender of SHUTDOWN will use no more (§5.10.6.6).
struct VsockShutdown: OptionSet, Sendable {
    let rawValue: UInt32
    static let willNotReceive = VsockShutdown(rawValue: 1)
    static let willNotSend = VsockShutdown(rawValue: 2)
    static let both: VsockShutdown = [.willNotReceive, .willNotSend]
}

/// The header of every packet (§5.10.6, struct virtio_vsock_hdr), as the guest or the device wrote it: a local copy.
struct VsockHeader: Equatable, Sendable {
    static let sizeInBytes = 44
    /// VIRTIO_VSOCK_TYPE_STREAM
    static let streamType: UInt16 = 1

    var sourceContext: UInt64 = 0
    var destinationContext: UInt64 = 0
    var sourcePort: UInt32 = 0
    var destinationPort: UInt32 = 0
    /// Bytes of payload behind the header.
    var length: UInt32 = 0
    var type: UInt16 = VsockHeader.streamType
    var operation: UInt16 = 0
    var flags: UInt32 = 0
    /// How much the sender buffers for this connection, and how much of what it got it has taken out of that.
    var bufferAllocated: UInt32 = 0
    var forwardedCount: UInt32 = 0

    init() {}

    init(reading reader: inout ChainReader) throws(ChainError) {
        sourceContext = try reader.readInteger()
        destinationContext = try reader.readInteger()
        sourcePort = try reader.readInteger()
        destinationPort = try reader.readInteger()
        length = try reader.readInteger()
        type = try reader.readInteger()
        operation = try reader.readInteger()
        flags = try reader.readInteger()
        bufferAllocated = try reader.readInteger()
        forwardedCount = try reader.readInteger()
    }

    func write(to writer: inout ChainWriter) throws(ChainError) {
        try writer.writeInteger(sourceContext)
        try writer.writeInteger(destinationContext)
        try writer.writeInteger(sourcePort)
        try writer.writeInteger(destinationPort)
        try writer.writeInteger(length)
        try writer.writeInteger(type)
        try writer.writeInteger(operation)
        try writer.writeInteger(flags)
        try writer.writeInteger(bufferAllocated)
        try writer.writeInteger(forwardedCount)
    }
}
