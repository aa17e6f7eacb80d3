/// A guest-physical address in bytes.
public struct GuestAddress: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// In bytes from the guest's physical address 0.
    public let rawValue: UInt64

    /// The address of this number; any is possible, mapped or not.
    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
    /// The same without a label.
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// By number.
    @inlinable public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// The address `count` bytes further on, or nil where the address space ends before.
    @inlinable public func advanced(by count: UInt64) -> GuestAddress? {
        let (sum, overflow) = rawValue.addingReportingOverflow(count)
        return overflow ? nil : GuestAddress(sum)
    }

    public var description: String { "0x" + String(rawValue, radix: 16) }
}

/// A range of guest-physical addresses that does not wrap around; may be empty.
public struct GuestRange: Hashable, Sendable, CustomStringConvertible {
    /// The first address.
    public let start: GuestAddress
    /// 0 for an empty range; start + size is below 2^64.
    public let sizeInBytes: UInt64

    /// Nil where start + size overflows the address space.
    @inlinable public init?(start: GuestAddress, sizeInBytes: UInt64) {
        guard start.advanced(by: sizeInBytes) != nil else { return nil }
        self.start = start
        self.sizeInBytes = sizeInBytes
    }

    /// No addresses at all.
    public static let empty = GuestRange(uncheckedStart: GuestAddress(0), sizeInBytes: 0)

    private init(uncheckedStart start: GuestAddress, sizeInBytes: UInt64) {
        self.start = start
        self.sizeInBytes = sizeInBytes
    }

    /// The first address behind the range.
    @inlinable public var end: GuestAddress { GuestAddress(start.rawValue &+ sizeInBytes) }

    /// Whether the other range lies whole in this one; an empty one does where its start is within or at the end.
    @inlinable public func contains(_ other: GuestRange) -> Bool { start <= other.start && other.end <= end }
    /// Whether the address is one of the range's.
    @inlinable public func contains(_ address: GuestAddress) -> Bool { start <= address && address < end }
    /// Whether the ranges have an address in common; never for empty ones of the same start.
    @inlinable public func overlaps(_ other: GuestRange) -> Bool { start < other.end && other.start < end }

    public var description: String { "\(start)..<\(end)" }
}
