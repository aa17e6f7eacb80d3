import Devices
import Geometry
public import Memory
public import Virtio
import Zones

/// A machine that remembers what was plugged, and fails on request.
public final class RecordingBacking: ZoneBacking {
    public struct Failure: Error, CustomStringConvertible {
        public var description: String { "the host has no memory" }
    }

    /// The blocks that are plugged, by their first address.
    public private(set) var plugged: Set<GuestAddress> = []
    /// How many calls there were.
    public private(set) var callCount = 0
    /// What was expected last, in bytes.
    public private(set) var expectedBytes: UInt64 = 0
    /// The calls that fail, counted from 0.
    public var failingCalls: Set<Int> = []

    public init() {}

    public func expect(writtenBytes: UInt64) { expectedBytes = writtenBytes }

    public func plug(_ block: GuestRange) throws {
        try count(block)
        precondition(plugged.insert(block.start).inserted, "plugged twice: \(block)")
    }

    public func unplug(_ block: GuestRange) throws {
        try count(block)
        precondition(plugged.remove(block.start) != nil, "unplugged twice: \(block)")
    }

    private func count(_ block: GuestRange) throws {
        precondition(block.sizeInBytes == ZoneGeometry.blockSizeInBytes, "no block: \(block)")
        defer { callCount += 1 }
        if failingCalls.contains(callCount) { throw Failure() }
    }
}

/// A request of the memory device's driver, as bytes (virtio 1.2 §5.15.6).
public struct MemoryRequestBytes {
    public static let plug: UInt16 = 0
    public static let unplug: UInt16 = 1
    public static let unplugAll: UInt16 = 2
    public static let state: UInt16 = 3

    public static func bytes(_ type: UInt16, _ address: UInt64 = 0, _ blockCount: UInt16 = 0) -> [UInt8] {
        var writer = StateWriter()
        writer.write(type)
        // Padding is to be ignored, so it is not zero here.
        for _ in 0..<3 { writer.write(UInt16(0xdead)) }
        writer.write(address)
        writer.write(blockCount)
        for _ in 0..<3 { writer.write(UInt16(0xbeef)) }
        return writer.bytes
    }
}
