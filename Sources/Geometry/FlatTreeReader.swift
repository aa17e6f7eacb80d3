/// Reads a flattened device tree front to back (Devicetree specification 0.4, §5). Whatever the bytes are, every offset is
/// checked before it is used, and each step moves on by 4 bytes at least.
struct FlatTreeReader {
    enum Token {
        /// A node begins; its name with the unit address.
        case node(ArraySlice<UInt8>)
        case nodeEnd
        case property(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>)
        /// Nothing follows.
        case end
    }

    private static let magic: UInt32 = 0xd00d_feed
    /// Of the format: the version that all of today's writers make, and read.
    private static let version: UInt32 = 17
    private static let headerSize = 40

    private let blob: [UInt8]
    private let strings: Range<Int>
    private var position: Int
    private let end: Int

    /// Checks the header; bytes behind the tree's own size are ignored.
    init(_ blob: [UInt8]) throws(MachineTreeError) {
        self.blob = blob
        guard blob.count >= Self.headerSize else { throw .truncated(offset: blob.count) }
        guard Self.cell(blob, at: 0) == Self.magic else { throw .noTree }
        guard Self.cell(blob, at: 24) <= Self.version, Self.cell(blob, at: 20) >= Self.version else {
            throw .unknownFormat(version: Self.cell(blob, at: 20))
        }
        let size = Int(Self.cell(blob, at: 4))
        guard size <= blob.count else { throw .truncated(offset: blob.count) }
        // 32-bit sums in 64 bits: no overflow.
        let structure = Int(Self.cell(blob, at: 8)), structureSize = Int(Self.cell(blob, at: 36))
        let names = Int(Self.cell(blob, at: 12)), namesSize = Int(Self.cell(blob, at: 32))
        guard structure + structureSize <= size, structure % 4 == 0 else { throw .malformed(offset: 8) }
        guard names + namesSize <= size else { throw .malformed(offset: 12) }
        position = structure
        end = structure + structureSize
        strings = names..<names + namesSize
    }

    /// The next thing in the tree; NOPs are passed over.
    mutating func next() throws(MachineTreeError) -> Token {
        while true {
            let start = position
            switch try takeCell() {
            case 1: return .node(try takeName())
            case 2: return .nodeEnd
            case 3: return try takeProperty()
            case 4: continue
            case 9: return .end
            default: throw .malformed(offset: start)
            }
        }
    }

    private mutating func takeProperty() throws(MachineTreeError) -> Token {
        let length = Int(try takeCell()), name = Int(try takeCell())
        guard length <= end - position else { throw .truncated(offset: position) }
        let value = blob[position..<position + length]
        try align(position + length)
        guard name < strings.count else { throw .malformed(offset: strings.lowerBound) }
        return .property(name: try text(from: strings.lowerBound + name, before: strings.upperBound), value: value)
    }

    private mutating func takeName() throws(MachineTreeError) -> ArraySlice<UInt8> {
        let name = try text(from: position, before: end)
        try align(name.endIndex + 1)
        return name
    }

    /// The bytes before the next zero.
    private func text(from start: Int, before limit: Int) throws(MachineTreeError) -> ArraySlice<UInt8> {
        guard let zero = blob[start..<limit].firstIndex(of: 0) else { throw .truncated(offset: start) }
        return blob[start..<zero]
    }

    private mutating func takeCell() throws(MachineTreeError) -> UInt32 {
        guard end - position >= 4 else { throw .truncated(offset: position) }
        defer { position += 4 }
        return Self.cell(blob, at: position)
    }

    private mutating func align(_ place: Int) throws(MachineTreeError) {
        position = (place + 3) & ~3
        guard position <= end else { throw .truncated(offset: place) }
    }

    /// A big-endian cell, of whose four bytes the caller knows that they are there.
    private static func cell(_ bytes: [UInt8], at offset: Int) -> UInt32 {
        var value: UInt32 = 0
        for place in offset..<offset + 4 { value = value << 8 | UInt32(bytes[place]) }
        return value
    }
}
