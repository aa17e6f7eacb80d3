/// An address of version 4 or 6, as 16 bytes: one of version 4 is mapped (`::ffff:a.b.c.d`), so that none has two forms.
public struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// 16, in network order.
    public let bytes: [UInt8]

    private static let mapped: [UInt8] = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]

    /// Reads an address in numbers (RFC 4291, section 2.2); nil for anything else, one with a zone index too.
    public init?(_ text: String) {
        if let four = Self.version4(text[...]) {
            bytes = Self.mapped + four
        } else if let sixteen = Self.version6(text) {
            bytes = sixteen
        } else {
            return nil
        }
    }

    public var isVersion4: Bool { bytes.starts(with: Self.mapped) }

    /// The address of version 4 that one of version 6 leads to by translation (RFC 6052, 64:ff9b::/96), or is made of
    /// (RFC 3056, 2002::/16).
    var embedded: IPAddress? {
        if bytes.starts(with: [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0]) { return Self(version4: bytes.suffix(4)) }
        if bytes.starts(with: [0x20, 0x02]) { return Self(version4: bytes[2..<6]) }
        return nil
    }

    /// Whether only the host itself, its neighbours on the wire or its provider's services answer there.
    public var isOfHostAlone: Bool {
        ([self] + [embedded].compactMap { $0 }).contains { one in AddressRange.hostOwn.contains { $0.contains(one) } }
    }

    private init(version4 bytes: ArraySlice<UInt8>) { self.bytes = Self.mapped + bytes }

    public var description: String {
        if isVersion4 { return bytes.suffix(4).map(String.init).joined(separator: ".") }
        return stride(from: 0, to: 16, by: 2)
            .map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }.joined(separator: ":")
    }

    private static func version4(_ text: Substring) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            // 010 is 8 to some and 10 to others.
            let isPlain = part.utf8.allSatisfy { (0x30...0x39).contains($0) } && (part.count == 1 || part.first != "0")
            guard isPlain, let byte = UInt8(part) else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    private static func version6(_ text: String) -> [UInt8]? {
        guard text.contains(":"), text.utf8.count <= 45 else { return nil }
        guard let gap = text.firstRange(of: "::") else {
            let all = groups(text[...], isLast: true)
            return all?.count == 16 ? all : nil
        }
        guard let head = groups(text[..<gap.lowerBound], isLast: false),
            let tail = groups(text[gap.upperBound...], isLast: true),
            head.count + tail.count <= 14
        else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    /// What is between colons; the last of all may be an address of version 4.
    private static func groups(_ text: Substring, isLast: Bool) -> [UInt8]? {
        if text.isEmpty { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 8 else { return nil }
        var bytes: [UInt8] = []
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, isLast, part.contains("."), let four = version4(part) {
                bytes += four
                continue
            }
            guard (1...4).contains(part.utf8.count), part.allSatisfy(\.isHexDigit), part.utf8.allSatisfy({ $0 < 0x80 }),
                let value = UInt16(part, radix: 16)
            else { return nil }
            bytes += [UInt8(value >> 8), UInt8(value & 0xFF)]
        }
        return bytes
    }
}

/// A range of addresses: all that begin with the same bits.
public struct AddressRange: Equatable, Sendable {
    private let address: IPAddress
    private let bits: Int

    /// `ADDRESS/BITS`, or an address alone; nil for anything else, and where bits behind the prefix are set.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(String(parts[0])) else { return nil }
        let width = address.isVersion4 ? 32 : 128
        var bits = width
        if parts.count == 2 {
            guard let number = Int(parts[1]), (0...width).contains(number), String(number) == parts[1] else {
                return nil
            }
            bits = number
        }
        self.address = address
        self.bits = bits + 128 - width
        for bit in self.bits..<128 where Self.bit(bit, of: address) { return nil }
    }

    /// One that is written in the sources.
    fileprivate init(known text: StaticString) {
        guard let range = AddressRange("\(text)") else { preconditionFailure("\(text) is no range") }
        self = range
    }

    public func contains(_ other: IPAddress) -> Bool {
        (0..<bits).allSatisfy { Self.bit($0, of: address) == Self.bit($0, of: other) }
    }

    private static func bit(_ number: Int, of address: IPAddress) -> Bool {
        address.bytes[number / 8] & (0x80 >> UInt8(number % 8)) != 0
    }

    /// Where only the host itself, its neighbours on the wire or its provider answer: loopback, link-local (the metadata
    /// services at 169.254.169.254), multicast, metadata services at other addresses (RFC 6890).
    static let hostOwn: [AddressRange] = [
        AddressRange(known: "0.0.0.0/8"), AddressRange(known: "127.0.0.0/8"), AddressRange(known: "169.254.0.0/16"),
        AddressRange(known: "192.0.0.0/24"), AddressRange(known: "224.0.0.0/4"), AddressRange(known: "240.0.0.0/4"),
        AddressRange(known: "100.100.100.200"), AddressRange(known: "168.63.129.16"), AddressRange(known: "::/96"),
        AddressRange(known: "fe80::/10"), AddressRange(known: "ff00::/8"), AddressRange(known: "fd00:ec2::/32"),
        AddressRange(known: "fd20:ce::/32"),
    ]

    /// Networks of the operator's own: nodes and clusters (RFC 1918, 4193, 6598, 3879).
    static let operatorOwn: [AddressRange] = [
        AddressRange(known: "10.0.0.0/8"), AddressRange(known: "172.16.0.0/12"), AddressRange(known: "192.168.0.0/16"),
        AddressRange(known: "100.64.0.0/10"), AddressRange(known: "198.18.0.0/15"), AddressRange(known: "fc00::/7"),
        AddressRange(known: "fec0::/10"),
    ]
}
