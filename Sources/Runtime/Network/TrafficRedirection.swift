import LinuxSystem
import SystemPackage

/// Traffic control (tc(8)): all that comes in by one interface leaves by another, before the namespace's own network
/// stack sees it. An ingress queueing discipline with one filter, matchall, whose action is mirred's redirect.
extension RoutingSocket {
    /// Numbers of linux/pkt_sched.h, linux/pkt_cls.h and linux/tc_act/tc_mirred.h.
    private enum Number {
        static let ingressParent: UInt32 = 0xffff_fff1
        static let ingressHandle: UInt32 = 0xffff_0000
        /// Ours among filters, "cz": nobody else's may be taken away.
        static let preference: UInt32 = 0x637a
        /// ETH_P_ALL in network order.
        static let everyProtocol: UInt32 = 0x0300
        static let stolen: UInt32 = 4
        static let redirectOutward: UInt32 = 1
    }

    /// - Returns: whether the discipline is ours: it was not there before, or held nothing but what a client of ours
    ///   that was killed has left, which points to a tap that is gone.
    func redirect(from source: Int32, to target: Int32, _ name: String) throws(SystemError) -> Bool {
        var isOurs = try addIngress(to: source, name)
        if !isOurs, removeRedirection(from: source) { isOurs = try !hasFilters(source, name) }
        do {
            try addFilter(from: source, to: target, name)
        } catch {
            if isOurs { removeIngress(from: source) }
            throw error
        }
        return isOurs
    }

    /// - Returns: whether there was one.
    @discardableResult
    func removeRedirection(from source: Int32) -> Bool {
        var request = RoutingMessage(.deleteFilter, .acknowledge)
        request.trafficControl(source, handle: 0, parent: Number.ingressHandle, information: Self.filterInformation)
        return (try? ask(request, "remove a filter")) != nil
    }

    func removeIngress(from source: Int32) {
        var request = RoutingMessage(.deleteQueueing, .acknowledge)
        request.trafficControl(source, handle: Number.ingressHandle, parent: Number.ingressParent, information: 0)
        try? ask(request, "remove an ingress queueing discipline")
    }

    private func hasFilters(_ source: Int32, _ name: String) throws(SystemError) -> Bool {
        var request = RoutingMessage(.getFilter, .dump)
        request.trafficControl(source, handle: 0, parent: Number.ingressHandle, information: 0)
        return try !list(request, "list the filters of \(name)").isEmpty
    }

    private static var filterInformation: UInt32 { Number.preference << 16 | Number.everyProtocol }

    private func addIngress(to source: Int32, _ name: String) throws(SystemError) -> Bool {
        var request = RoutingMessage(.newQueueing, [.acknowledge, .create, .exclusive])
        request.trafficControl(source, handle: Number.ingressHandle, parent: Number.ingressParent, information: 0)
        request.attribute(1, text: "ingress")
        do {
            try ask(request, "add an ingress queueing discipline to \(name)")
            return true
        } catch {
            guard error.errno == .fileExists else { throw error }
            return false
        }
    }

    private func addFilter(from source: Int32, to target: Int32, _ name: String) throws(SystemError) {
        var request = RoutingMessage(.newFilter, [.acknowledge, .create, .exclusive])
        request.trafficControl(source, handle: 0, parent: Number.ingressHandle, information: Self.filterInformation)
        request.attribute(1, text: "matchall")
        request.nest(2) { options in
            options.nest(2) { actions in
                actions.nest(1) { action in
                    action.attribute(1, text: "mirred")
                    action.nest(2) { $0.attribute(2, Self.mirred(to: target)) }
                }
            }
        }
        try ask(request, "redirect what comes in by \(name)")
    }

    /// struct tc_mirred: index, capabilities, action, two counts of references; what to do, and where to.
    private static func mirred(to target: Int32) -> [UInt8] {
        var parameters: [UInt8] = []
        for word in [0, 0, Number.stolen, 0, 0, Number.redirectOutward, UInt32(bitPattern: target)] {
            parameters += (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * UInt32($0))) }
        }
        return parameters
    }
}

extension RoutingMessage {
    /// struct tcmsg: family, padding, interface, handle, parent, information.
    fileprivate mutating func trafficControl(_ index: Int32, handle: UInt32, parent: UInt32, information: UInt32) {
        put(UInt32(0))
        put(index)
        put(handle)
        put(parent)
        put(information)
    }
}
