/// An address of IPv4 or IPv6.
public struct InternetAddress: Hashable, Sendable {
    /// 4 or 16 octets, the first on the wire first.
    public let octets: [UInt8]

    /// Nil for any other number of octets.
    public init?(_ octets: [UInt8]) {
        guard octets.count == 4 || octets.count == 16 else { return nil }
        self.octets = octets
    }

    /// Whether it has 16 bytes rather than 4.
    public var isIPv6: Bool { octets.count == 16 }
    /// The longest prefix of such an address, in bits.
    public var maxPrefixBits: UInt8 { isIPv6 ? 128 : 32 }
}

/// An address and how many of its bits name the network that it is in.
public struct NetworkPrefix: Hashable, Sendable {
    /// An address; bits beyond the length may be set.
    public var address: InternetAddress
    /// Bits of the network part: 0 to 32, or to 128.
    public var length: UInt8

    /// Nil for a prefix longer than the address.
    public init?(_ address: InternetAddress, length: UInt8) {
        guard length <= address.maxPrefixBits else { return nil }
        self.address = address
        self.length = length
    }
}

/// A way to a network, through the interface that it belongs to.
public struct NetworkRoute: Equatable, Sendable {
    /// All zeros of length 0 for everything.
    public var destination: NetworkPrefix
    /// nil: the destination is at the interface's own link.
    public var gateway: InternetAddress?
    /// The source address of what is sent this way, where that is said.
    public var source: InternetAddress?
    /// RT_SCOPE_…: 0 universe, 253 link, 254 host.
    public var scope: UInt8
    /// The lower is preferred; 0 for the kernel's default.
    public var metric: UInt32
    /// The gateway is taken to be at the link although no address says so (RTNH_F_ONLINK).
    public var isOnLink: Bool

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(
        destination: NetworkPrefix, gateway: InternetAddress? = nil, source: InternetAddress? = nil, scope: UInt8 = 0,
        metric: UInt32 = 0, isOnLink: Bool = false
    ) {
        self.destination = destination
        self.gateway = gateway
        self.source = source
        self.scope = scope
        self.metric = metric
        self.isOnLink = isOnLink
    }
}

/// A network interface of a container, in a network namespace of its own.
public struct NetworkInterface: Equatable, Sendable {
    /// As the container sees it: "eth0".
    public var name: String
    /// Which port of the VM's network device it is: the VLAN identifier of its frames. The VM's to fill in.
    public var port: UInt16
    /// The Ethernet address, the first octet in bits 40–47.
    public var hardwareAddress: UInt64
    /// The largest packet in bytes.
    public var mtu: UInt32
    /// In the order of giving.
    public var addresses: [NetworkPrefix]
    /// In the order of their making: one that a gateway is reached by comes before its user.
    public var routes: [NetworkRoute]

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(
        name: String, port: UInt16 = 0, hardwareAddress: UInt64, mtu: UInt32, addresses: [NetworkPrefix],
        routes: [NetworkRoute]
    ) {
        self.name = name
        self.port = port
        self.hardwareAddress = hardwareAddress
        self.mtu = mtu
        self.addresses = addresses
        self.routes = routes
    }
}

/// Bounds of what a container's network may be.
public enum NetworkLimits {
    /// Interfaces of one container.
    public static let interfaces = 8
    /// Addresses of one interface.
    public static let addresses = 64
    /// Routes of one interface.
    public static let routes = 256
    /// An interface's name in bytes (IFNAMSIZ − 1).
    public static let name = 15
    /// The smallest and the largest MTU: IPv4's least, and an IP packet's most.
    public static let mtu: ClosedRange<UInt32> = 68...65_535
}

extension NetworkInterface {
    func encode(into encoder: inout MessageEncoder) {
        encoder.text(name, "interface name", atMost: NetworkLimits.name)
        encoder.integer(port)
        encoder.integer(hardwareAddress)
        encoder.integer(mtu)
        encoder.list(addresses, "addresses", atMost: NetworkLimits.addresses) { $0.prefix($1) }
        encoder.list(routes, "routes", atMost: NetworkLimits.routes) { $1.encode(into: &$0) }
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        name = try decoder.text("interface name", atMost: NetworkLimits.name)
        port = try decoder.integer()
        hardwareAddress = try decoder.integer()
        guard hardwareAddress >> 48 == 0 else {
            throw .invalidValue(field: "hardware address", value: hardwareAddress)
        }
        mtu = try decoder.integer()
        guard NetworkLimits.mtu.contains(mtu) else { throw .invalidValue(field: "MTU", value: UInt64(mtu)) }
        addresses = try decoder.list("addresses", atMost: NetworkLimits.addresses) { d throws(ProtocolError) in
            try d.prefix("address")
        }
        routes = try decoder.list("routes", atMost: NetworkLimits.routes) { d throws(ProtocolError) in
            try NetworkRoute(decoding: &d)
        }
    }
}

extension NetworkRoute {
    func encode(into encoder: inout MessageEncoder) {
        encoder.prefix(destination)
        encoder.optional(gateway) { $0.address($1) }
        encoder.optional(source) { $0.address($1) }
        encoder.integer(scope)
        encoder.integer(metric)
        encoder.flag(isOnLink)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        destination = try decoder.prefix("destination")
        gateway = try decoder.optional("gateway") { d throws(ProtocolError) in try d.address("gateway") }
        source = try decoder.optional("source address") { d throws(ProtocolError) in try d.address("source address") }
        scope = try decoder.integer()
        metric = try decoder.integer()
        isOnLink = try decoder.flag("on link")
        for address in [gateway, source] {
            // All addresses of a route are of one family.
            if let address, address.isIPv6 != destination.address.isIPv6 {
                throw .invalidValue(field: "octets of a route's address", value: UInt64(address.octets.count))
            }
        }
    }
}

extension MessageEncoder {
    fileprivate mutating func address(_ address: InternetAddress) { blob(address.octets, "address", atMost: 16) }

    fileprivate mutating func prefix(_ prefix: NetworkPrefix) {
        address(prefix.address)
        integer(prefix.length)
    }
}

extension MessageDecoder {
    fileprivate mutating func address(_ field: StaticString) throws(ProtocolError) -> InternetAddress {
        let octets = try blob(field, atMost: 16)
        guard let address = InternetAddress(octets) else {
            throw .invalidValue(field: field, value: UInt64(octets.count))
        }
        return address
    }

    fileprivate mutating func prefix(_ field: StaticString) throws(ProtocolError) -> NetworkPrefix {
        let address = try address(field)
        let length: UInt8 = try integer()
        guard let prefix = NetworkPrefix(address, length: length) else {
            throw .invalidValue(field: field, value: UInt64(length))
        }
        return prefix
    }
}
