/// An Ethernet address (IEEE 802, 48 bits), the first octet on the wire in the highest byte.
public struct EthernetAddress: Hashable, Sendable, CustomStringConvertible {
    /// On the wire.
    public static let sizeInBytes = 6

    /// Below 2^48.
    public let rawValue: UInt64

    /// Takes the low 48 bits.
    public init(_ rawValue: UInt64) { self.rawValue = rawValue & 0xffff_ffff_ffff }

    /// The first six of the bytes, which must be there.
    init(_ bytes: ArraySlice<UInt8>) {
        self.init(bytes.prefix(Self.sizeInBytes).reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// For many: the group bit, which broadcast has too.
    public var isGroup: Bool { rawValue >> 40 & 1 == 1 }

    /// In the order of the wire.
    public var octets: [UInt8] { (0..<6).map { UInt8(truncatingIfNeeded: rawValue >> (40 - 8 * UInt64($0))) } }

    public var description: String {
        octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }
}
