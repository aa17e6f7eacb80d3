import LinuxSystem
public import Memory

/// Why a device could not read or write a part of a chain. The guest chose both: a value to handle, not our bug.
public enum ChainError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The chain has fewer bytes left than the request needs.
    case tooShort(wanted: Int, remaining: Int)
    /// A buffer is not in mapped memory, or the host's file failed.
    case memory(GuestMemoryError)

    public var description: String {
        switch self {
        case .tooShort(let wanted, let remaining): "a chain with \(remaining) bytes left where \(wanted) are needed"
        case .memory(let error): "\(error)"
        }
    }
}

/// A place in a row of ranges.
struct ChainCursor {
    private let ranges: [GuestRange]
    private var index = 0
    /// How far in `ranges[index]`.
    private var distance: UInt64 = 0
    private(set) var remaining: Int

    init(_ ranges: [GuestRange], sizeInBytes: UInt64) {
        self.ranges = ranges
        remaining = Int(sizeInBytes)
    }

    /// The ranges of the next bytes, `limit` of them or what is left.
    func next(atMost limit: Int) -> [GuestRange] {
        var wanted = UInt64(max(0, min(limit, remaining)))
        var result: [GuestRange] = []
        var (place, skipped) = (index, distance)
        while wanted > 0, place < ranges.count {
            let count = min(wanted, ranges[place].sizeInBytes - skipped)
            // A part of a range that does not wrap around does not either.
            if let start = ranges[place].start.advanced(by: skipped),
                let part = GuestRange(start: start, sizeInBytes: count)
            {
                result.append(part)
            }
            wanted -= count
            (place, skipped) = (place + 1, 0)
        }
        return result
    }

    /// Where the next `count` bytes lie in one piece, if they do.
    func address(of count: Int) -> GuestAddress? {
        guard index < ranges.count, ranges[index].sizeInBytes - distance >= UInt64(count) else { return nil }
        return ranges[index].start.advanced(by: distance)
    }

    mutating func advance(by count: Int) {
        var wanted = UInt64(max(0, min(count, remaining)))
        remaining -= Int(wanted)
        while wanted > 0, index < ranges.count {
            let step = min(wanted, ranges[index].sizeInBytes - distance)
            wanted -= step
            distance += step
            if distance == ranges[index].sizeInBytes { (index, distance) = (index + 1, 0) }
        }
    }

    func require(_ count: Int) throws(ChainError) {
        guard count >= 0, count <= remaining else { throw .tooShort(wanted: count, remaining: remaining) }
    }
}

/// Reads the device-readable part of a chain from front to back, without regard to how the driver cut it up
/// (virtio 1.2 §2.7.4).
public struct ChainReader {
    private var cursor: ChainCursor
    private let memory: GuestMemory

    /// Reads from the start of the chain's readable part.
    public init(_ chain: DescriptorChain, in memory: GuestMemory) {
        cursor = ChainCursor(chain.readable, sizeInBytes: chain.readableSizeInBytes)
        self.memory = memory
    }

    /// How many bytes are left to read.
    public var remaining: Int { cursor.remaining }

    /// A little-endian integer.
    public mutating func readInteger<Value: FixedWidthInteger & BitwiseCopyable>(
        _ type: Value.Type = Value.self
    ) throws(ChainError) -> Value {
        let size = MemoryLayout<Value>.size
        try cursor.require(size)
        if let address = cursor.address(of: size) {
            do {
                let value = try memory.load(Value.self, at: address)
                cursor.advance(by: size)
                return value
            } catch {
                throw .memory(error)
            }
        }
        var value: Value = 0
        for (place, byte) in try readBytes(size).enumerated() {
            value |= Value(truncatingIfNeeded: byte) << Value(place * 8)
        }
        return value
    }

    /// Exactly `count` bytes, copied. The caller bounds the count: the guest may offer 4 GiB.
    public mutating func readBytes(_ count: Int) throws(ChainError) -> [UInt8] {
        try cursor.require(count)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        for range in cursor.next(atMost: count) {
            do { bytes += try memory.read(Int(range.sizeInBytes), at: range.start) } catch { throw .memory(error) }
        }
        cursor.advance(by: count)
        return bytes
    }

    /// Where the next bytes lie, `limit` of them or what is left, for a transfer without a copy.
    public func ranges(atMost limit: Int) -> [GuestRange] { cursor.next(atMost: limit) }

    /// Leaves out `count` bytes, or what is left: they were transferred, or nobody wants them.
    public mutating func advance(by count: Int) { cursor.advance(by: count) }
}

/// Writes the device-writable part of a chain from front to back.
public struct ChainWriter {
    private var cursor: ChainCursor
    private let memory: GuestMemory
    /// How many bytes have been written: what `push` reports to the driver.
    public private(set) var written: UInt32 = 0

    /// Writes from the start of the chain's writable part.
    public init(_ chain: DescriptorChain, in memory: GuestMemory) {
        cursor = ChainCursor(chain.writable, sizeInBytes: chain.writableSizeInBytes)
        self.memory = memory
    }

    /// For how many bytes there is room.
    public var remaining: Int { cursor.remaining }

    /// An integer in little-endian order.
    public mutating func writeInteger<Value: FixedWidthInteger & BitwiseCopyable>(
        _ value: Value
    ) throws(ChainError) {
        let size = MemoryLayout<Value>.size
        try cursor.require(size)
        if let address = cursor.address(of: size) {
            do { try memory.store(value, at: address) } catch { throw .memory(error) }
            advance(by: size)
            return
        }
        try write(value.littleEndianBytes)
    }

    /// All bytes, or none where there is too little room for them.
    public mutating func write(_ bytes: [UInt8]) throws(ChainError) { try write(bytes[...]) }

    /// All bytes, or none where there is too little room for them.
    public mutating func write(_ bytes: ArraySlice<UInt8>) throws(ChainError) {
        try cursor.require(bytes.count)
        var rest = bytes
        for range in cursor.next(atMost: bytes.count) {
            let count = Int(range.sizeInBytes)
            do { try memory.write(rest.prefix(count), at: range.start) } catch { throw .memory(error) }
            rest = rest.dropFirst(count)
        }
        advance(by: bytes.count)
    }

    /// Where the next bytes belong, `limit` of them or what there is room for, for a transfer without a copy.
    public func ranges(atMost limit: Int) -> [GuestRange] { cursor.next(atMost: limit) }

    /// Counts `count` bytes as written, or as many as there is room for.
    public mutating func advance(by count: Int) {
        let before = cursor.remaining
        cursor.advance(by: count)
        written = UInt32(clamping: Int(written) + before - cursor.remaining)
    }
}
