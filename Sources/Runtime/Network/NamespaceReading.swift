import AgentProtocol
import LinuxSystem
import SystemPackage

/// An interface of a network namespace, as CNI has made it.
struct FoundInterface {
    let index: Int32
    var description: NetworkInterface
}

/// What a network namespace has that a container is to get.
extension RoutingSocket {
    /// Numbers of linux/if.h, linux/if_arp.h, linux/if_addr.h and linux/rtnetlink.h.
    private enum Number {
        static let ethernet: UInt16 = 1
        static let up: UInt32 = 1
        static let permanentAddress: UInt32 = 0x80
        static let mainTable: UInt8 = 254
        static let unicast: UInt8 = 1
        static let madeByKernel: UInt8 = 2
        static let madeByRouterAdvertisement: UInt8 = 9
        static let onLink: UInt32 = 4
        static let ipv4: UInt8 = 2
        static let ipv6: UInt8 = 10
    }

    /// The Ethernet interfaces that are up, with their addresses and routes.
    func interfaces() throws(RuntimeError) -> [FoundInterface] {
        var found = try links()
        try addAddresses(to: &found)
        try addRoutes(to: &found)
        return found
    }

    /// struct ifinfomsg: family, padding, type, index, flags, change.
    private func links() throws(RuntimeError) -> [FoundInterface] {
        var request = RoutingMessage(.getLink, .dump)
        for _ in 0..<4 { request.put(UInt32(0)) }
        var found: [FoundInterface] = []
        for var link in try system({ () throws(SystemError) in try list(request, "list network interfaces") }) {
            link.skip(2)
            let type: UInt16 = link.take()
            let index: Int32 = link.take()
            let flags: UInt32 = link.take()
            link.skip(4)
            let attributes = link.attributes()
            guard type == Number.ethernet, flags & Number.up != 0, let address = attributes[1], address.count == 6,
                let name = attributes[3]?.text, let mtu: UInt32 = attributes[4]?.integer(), !PodTap.isName(name)
            else { continue }
            found.append(
                FoundInterface(
                    index: index,
                    description: NetworkInterface(
                        name: name, hardwareAddress: address.reduce(0) { $0 << 8 | UInt64($1) }, mtu: mtu,
                        addresses: [], routes: [])))
        }
        return found
    }

    /// struct ifaddrmsg: family, prefix length, flags, scope, index.
    private func addAddresses(to found: inout [FoundInterface]) throws(RuntimeError) {
        var request = RoutingMessage(.getAddress, .dump)
        for _ in 0..<2 { request.put(UInt32(0)) }
        for var address in try system({ () throws(SystemError) in try list(request, "list network addresses") }) {
            address.skip(1)
            let length: UInt8 = address.take()
            address.skip(2)
            let index: Int32 = address.take()
            let attributes = address.attributes()
            // The own address, where a peer's is given too. What a router gave for a time, the guest is given as well.
            guard let place = found.firstIndex(where: { $0.index == index }),
                let octets = attributes[2] ?? attributes[1], let own = InternetAddress(octets),
                let prefix = NetworkPrefix(own, length: length),
                (attributes[8]?.integer(UInt32.self) ?? 0) & Number.permanentAddress != 0
            else { continue }
            found[place].description.addresses.append(prefix)
        }
    }

    /// struct rtmsg: family, destination and source length, type of service, table, protocol, scope, type, flags.
    private func addRoutes(to found: inout [FoundInterface]) throws(RuntimeError) {
        for family in [Number.ipv4, Number.ipv6] {
            var request = RoutingMessage(.getRoute, .dump)
            request.put(UInt32(family))
            for _ in 0..<2 { request.put(UInt32(0)) }
            for route in try system({ () throws(SystemError) in try list(request, "list routes") }) {
                guard let (index, parsed) = try parse(route, isIPv6: family == Number.ipv6),
                    let place = found.firstIndex(where: { $0.index == index })
                else { continue }
                found[place].description.routes.append(parsed)
            }
        }
        for place in found.indices {
            // A gateway may be reached by another route, which is to be there first.
            let routes = found[place].description.routes
            found[place].description.routes = routes.filter { $0.gateway == nil } + routes.filter { $0.gateway != nil }
        }
    }

    /// Nil for a route that a container does not need: another table's, or one that its kernel makes by itself.
    private func parse(
        _ bytes: RoutingBytes, isIPv6: Bool
    ) throws(RuntimeError) -> (index: Int32, route: NetworkRoute)? {
        var bytes = bytes
        bytes.skip(1)
        let length: UInt8 = bytes.take()
        bytes.skip(2)
        let table: UInt8 = bytes.take()
        let origin: UInt8 = bytes.take()
        let scope: UInt8 = bytes.take()
        let type: UInt8 = bytes.take()
        let flags: UInt32 = bytes.take()
        let attributes = bytes.attributes()
        guard table == Number.mainTable, type == Number.unicast, origin != Number.madeByKernel,
            origin != Number.madeByRouterAdvertisement, let index: Int32 = attributes[4]?.integer(),
            let any = InternetAddress([UInt8](repeating: 0, count: isIPv6 ? 16 : 4)),
            let destination = NetworkPrefix(attributes[1].flatMap { InternetAddress($0) } ?? any, length: length)
        else { return nil }
        guard attributes[18] == nil else {
            throw .invalid("a route of the network namespace has a gateway of another address family: not supported")
        }
        return (
            index,
            NetworkRoute(
                destination: destination, gateway: attributes[5].flatMap { InternetAddress($0) },
                source: attributes[7].flatMap { InternetAddress($0) }, scope: scope,
                metric: attributes[6]?.integer() ?? 0, isOnLink: flags & Number.onLink != 0)
        )
    }
}
