import CAgent

extension Kernel {
    static func openRouting() -> Int32 { agent_open_routing() }

    static func raiseInterface(_ routing: Int32, _ name: String) -> Int32 {
        // SAFETY: the name's C string lives for the call.
        unsafe agent_raise_interface(routing, name)
    }

    static func addPort(_ routing: Int32, _ trunk: String, _ interface: NetworkInterface, as name: String) -> Int32 {
        var address: [UInt8] = []
        for place in 0..<6 {
            address.append(UInt8(truncatingIfNeeded: interface.hardwareAddress >> (40 - 8 * UInt64(place))))
        }
        // SAFETY: the address has the six bytes that are read; it and the names live for the call.
        return unsafe agent_add_port(routing, trunk, name, interface.port, address, interface.mtu)
    }

    static func renameInterface(_ routing: Int32, _ name: String, to new: String) -> Int32 {
        // SAFETY: the names' C strings live for the call.
        unsafe agent_rename_interface(routing, name, new)
    }

    static func addAddress(_ routing: Int32, _ name: String, _ prefix: NetworkPrefix) -> Int32 {
        // SAFETY: address and size are the array's own, which lives for the call, as the name does.
        unsafe agent_add_address(routing, name, prefix.address.octets, prefix.address.octets.count, prefix.length)
    }

    static func addRoute(_ routing: Int32, _ name: String, _ route: NetworkRoute) -> Int32 {
        var request = agent_route()
        request.size = route.destination.address.octets.count
        request.prefix = route.destination.length
        request.scope = route.scope
        request.metric = route.metric
        request.is_on_link = route.isOnLink
        request.has_gateway = route.gateway != nil
        request.has_source = route.source != nil
        copy(route.destination.address, &request.destination)
        if let gateway = route.gateway { copy(gateway, &request.gateway) }
        if let source = route.source { copy(source, &request.source) }
        // SAFETY: the request is a local variable, and it and the name live for the call.
        return unsafe agent_add_route(routing, name, &request)
    }

    private static func copy<Field>(_ address: InternetAddress, _ field: inout Field) {
        // SAFETY: copied are as many bytes as both have: an address has 16 at most, each field has 16.
        unsafe withUnsafeMutableBytes(of: &field) { bytes in
            for (index, octet) in address.octets.enumerated() where index < bytes.count { unsafe bytes[index] = octet }
        }
    }
}
