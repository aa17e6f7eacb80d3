import SystemPackage

/// A guest's request: a header, then what the operation takes (fuse.h, struct fuse_in_header). Everything is read from a
/// copy, and every length is checked against it.
struct Request {
    static let headerSize = 40

    let opcode: UInt32
    /// Names the answer.
    let unique: UInt64
    let node: UInt64
    let user: UInt32
    let group: UInt32
    private var rest: ArraySlice<UInt8>

    /// Nil where not even the header is whole.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.headerSize else { return nil }
        rest = bytes[...]
        do throws(Errno) {
            let length = Int(try take(UInt32.self, from: &rest))
            opcode = try take(UInt32.self, from: &rest)
            unique = try take(UInt64.self, from: &rest)
            node = try take(UInt64.self, from: &rest)
            user = try take(UInt32.self, from: &rest)
            group = try take(UInt32.self, from: &rest)
            // The process's id, and extensions, which the guest was not offered.
            _ = try take(UInt64.self, from: &rest)
            guard (Self.headerSize...bytes.count).contains(length) else { return nil }
            rest = bytes[Self.headerSize..<length]
        } catch { return nil }
    }

    /// How many bytes are left.
    var remaining: Int { rest.count }

    /// The next integer, little-endian.
    mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(Errno) -> Value {
        try take(type, from: &rest)
    }

    mutating func skip(_ count: Int) throws(Errno) { _ = try bytes(count) }

    mutating func bytes(_ count: Int) throws(Errno) -> ArraySlice<UInt8> {
        guard count >= 0, count <= rest.count else { throw .invalidArgument }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    /// The next zero-terminated text, without its end.
    mutating func text(atMost limit: Int) throws(Errno) -> ArraySlice<UInt8> {
        guard let end = rest.prefix(limit + 1).firstIndex(of: 0) else {
            throw rest.count > limit ? .fileNameTooLong : .invalidArgument
        }
        defer { rest = rest[(end + 1)...] }
        return rest[..<end]
    }

    mutating func name() throws(Errno) -> FileName { try FileName(try text(atMost: 4096)) }

    /// A zero-terminated text for the calls that take one.
    mutating func characters(atMost limit: Int) throws(Errno) -> [CChar] {
        try text(atMost: limit).map { CChar(bitPattern: $0) } + [0]
    }
}

private func take<Value: FixedWidthInteger>(
    _ type: Value.Type, from bytes: inout ArraySlice<UInt8>
) throws(Errno) -> Value {
    let size = Value.bitWidth / 8
    guard bytes.count >= size else { throw .invalidArgument }
    var value: Value = 0
    for (place, byte) in bytes.prefix(size).enumerated() {
        value |= Value(truncatingIfNeeded: byte) << Value(place * 8)
    }
    bytes = bytes.dropFirst(size)
    return value
}
