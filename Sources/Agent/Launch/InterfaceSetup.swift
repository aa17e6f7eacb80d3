/// A container's interfaces are made by its first process, before it has a root of its own: then they are there before
/// anything that could use them, and go with the namespace.
struct InterfaceSetup {
    /// The guest's interface that all ports' frames come by, tagged with the port's number.
    private static let trunk = "eth0"

    private let interfaces: [NetworkInterface]
    /// A socket in the network namespace in which the trunk is, which is the agent's.
    private let trunk: Descriptor

    /// To be made before another network namespace is joined. nil where no interface is wanted: the trunk stays down
    /// then, and costs nothing.
    init?(_ interfaces: [NetworkInterface]) throws(Failure) {
        guard !interfaces.isEmpty else { return nil }
        self.interfaces = interfaces
        trunk = Descriptor(taking: try check(Kernel.openRouting(), .network, "reach the network"))
        try check(Kernel.raiseInterface(trunk.rawValue, Self.trunk), .network, "raise the VM's network device")
    }

    /// Makes the interfaces in the network namespace that the process is in now.
    func make() throws(Failure) {
        let routing = Descriptor(taking: try check(Kernel.openRouting(), .network, "reach the container's network"))
        for interface in interfaces {
            // The kernel looks for the name among the trunk's neighbours too, and the trunk's is the usual one.
            let first = "port\(interface.port)"
            try check(
                Kernel.addPort(trunk.rawValue, Self.trunk, interface, as: first), .network,
                "make the network interface \(interface.name) of \(interface.mtu) bytes")
            try check(
                Kernel.renameInterface(routing.rawValue, first, to: interface.name), .network,
                "name the network interface \(interface.name)")
            try configure(interface, routing.rawValue)
        }
    }

    private func configure(_ interface: NetworkInterface, _ routing: Int32) throws(Failure) {
        try check(
            Kernel.raiseInterface(routing, interface.name), .network, "raise the network interface \(interface.name)")
        for address in interface.addresses {
            try check(
                Kernel.addAddress(routing, interface.name, address), .network,
                "give \(interface.name) the address \(address.description)")
        }
        for route in interface.routes {
            try check(
                Kernel.addRoute(routing, interface.name, route), .network,
                "make \(interface.name) the way to \(route.destination.description)")
        }
    }
}

extension NetworkPrefix {
    /// As `ip` writes it, but for IPv6's abbreviation.
    fileprivate var description: String {
        var text = ""
        for (index, octet) in address.octets.enumerated() {
            if address.isIPv6 {
                if index > 0 && index % 2 == 0 { text += ":" }
                text += (octet < 16 ? "0" : "") + String(octet, radix: 16)
            } else {
                text += (index > 0 ? "." : "") + "\(octet)"
            }
        }
        return text + "/\(length)"
    }
}
