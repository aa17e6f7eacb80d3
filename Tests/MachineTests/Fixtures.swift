import Devices
import LinuxSystem
import Machine
import Memory

/// An interrupt line that counts.
final class CountingLine: InterruptLine {
    private(set) var count = 0
    func raise() { count += 1 }
}

/// Values in little-endian order.
func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    (0..<Value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}

extension [UInt8] {
    /// Replaces bytes from an offset on.
    mutating func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        replaceSubrange(offset..<offset + Value.bitWidth / 8, with: littleEndian(value))
    }

    func field<Value: FixedWidthInteger>(_ type: Value.Type, at offset: Int) -> Value {
        self[offset..<offset + Value.bitWidth / 8].reversed().reduce(0) { $0 << 8 | Value($1) }
    }
}

/// An ELF file made of its fields.
struct ELFFile {
    struct Segment {
        var type: UInt32 = 1
        var flags: UInt32 = 5
        var offset: UInt64 = 0x1000
        var address: UInt64 = 0x10_0000
        var sizeInFile: UInt64 = 16
        var sizeInMemory: UInt64 = 0x2000
    }

    var magic: UInt32 = 0x464c_457f
    var elfClass: UInt8 = 2
    var encoding: UInt8 = 1
    var type: UInt16 = 2
    var machine: UInt16 = 62
    var entry: UInt64 = 0x10_0000
    var headerOffset: UInt64 = 64
    var headerSize: UInt16 = 56
    var headerCount: UInt16?
    var segments = [Segment()]
    var payload: [UInt8] = (1...16).map { $0 }

    /// The headers, and the payload at 0x1000.
    var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 0x1000)
        bytes.put(magic, at: 0)
        bytes.put(elfClass, at: 4)
        bytes.put(encoding, at: 5)
        bytes.put(type, at: 16)
        bytes.put(machine, at: 18)
        bytes.put(entry, at: 24)
        bytes.put(headerOffset, at: 32)
        bytes.put(headerSize, at: 54)
        bytes.put(headerCount ?? UInt16(segments.count), at: 56)
        for (index, segment) in segments.enumerated() {
            let base = 64 + index * 56
            bytes.put(segment.type, at: base)
            bytes.put(segment.flags, at: base + 4)
            bytes.put(segment.offset, at: base + 8)
            bytes.put(segment.address, at: base + 24)
            bytes.put(segment.sizeInFile, at: base + 32)
            bytes.put(segment.sizeInMemory, at: base + 40)
        }
        return bytes + payload
    }

    func kernel() throws -> KernelImage { try KernelImage(reading: memoryFile(bytes)) }
}

/// A file in memory with these bytes.
func memoryFile(_ bytes: [UInt8]) throws -> OwnedDescriptor {
    let file = try MemoryFile(name: "test", sizeInBytes: UInt64(bytes.count))
    if !bytes.isEmpty { try file.descriptor.write(all: bytes) }
    return file.descriptor
}

/// Fresh memory from 0 up.
func freshMemory(_ sizeInBytes: Int) throws -> GuestMemory {
    let memory = GuestMemory()
    try memory.addRegion(at: GuestAddress(0), backedBy: Mapping(.anonymous, sizeInBytes: sizeInBytes))
    return memory
}

func range(_ start: UInt64, _ size: UInt64) -> GuestRange? { GuestRange(start: GuestAddress(start), sizeInBytes: size) }
