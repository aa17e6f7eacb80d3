import LinuxSystem
import SystemPackage

/// A tap beside an interface of a pod's network namespace.
enum PodTap {
    private static let prefix = "czone"

    /// Nobody can have two taps for one interface: a name can be had once.
    static func name(forInterface index: Int32) -> String { "\(prefix)\(index)" }

    static func isName(_ name: String) -> Bool {
        name.hasPrefix(prefix) && name.dropFirst(prefix.count).allSatisfy(\.isNumber)
    }
}

extension RoutingSocket {
    /// Brings a tap up, without addresses of its own; its index.
    func raiseTap(_ name: String, mtu: UInt32) throws(SystemError) -> Int32 {
        let index = try self.index(of: name)
        var request = link(index)
        // IFLA_AF_SPEC, AF_INET6, IFLA_INET6_ADDR_GEN_MODE: IN6_ADDR_GEN_MODE_NONE. Where IPv6 is off, there is nothing
        // to keep it from.
        request.nest(26) { $0.nest(10) { $0.attribute(8, integer: UInt8(1)) } }
        try? ask(request, "keep addresses from \(name)")
        request = link(index, isRaised: true)
        request.attribute(4, integer: mtu)
        try ask(request, "bring \(name) up")
        return index
    }

    /// Brings the loopback up, which is every namespace's first interface.
    func raiseLoopback() throws(SystemError) { try ask(link(1, isRaised: true), "bring the loopback up") }

    /// Whether an interface is led into a VM now.
    func hasTap(besides interface: Int32) -> Bool { (try? index(of: PodTap.name(forInterface: interface))) != nil }

    /// struct ifinfomsg: family, padding, type, index, flags, change.
    private func link(_ index: Int32, isRaised: Bool = false) -> RoutingMessage {
        var message = RoutingMessage(.newLink, .acknowledge)
        message.put(UInt32(0))
        message.put(index)
        for _ in 0..<2 { message.put(UInt32(isRaised ? 1 : 0)) }
        return message
    }

    private func index(of name: String) throws(SystemError) -> Int32 {
        var request = RoutingMessage(.getLink, .dump)
        for _ in 0..<4 { request.put(UInt32(0)) }
        for var link in try list(request, "list network interfaces") {
            link.skip(4)
            let index: Int32 = link.take()
            link.skip(8)
            if link.attributes()[3]?.text == name { return index }
        }
        throw SystemError("find the interface \(name)", .noSuchFileOrDirectory)
    }
}
