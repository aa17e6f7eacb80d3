import LinuxSystem
import TestSupport
import Testing

/// Bridges and pods' network namespaces, as CNI makes them, with names of a test's own. Gone at the end.
final class PodNetworks: Sendable {
    /// A pod: `eth0` with these addresses, on a bridge.
    struct Pod: Sendable {
        let name: String
        let bridge: Int
        let number: Int

        var namespace: String { "ns:/run/netns/\(name)" }
        var ipv4: String { "10.99.\(bridge).\(number)" }
        var ipv6: String { "fd99:\(bridge + 1)::\(number)" }
        var hardwareAddress: String { "02:63:00:00:0\(bridge):0\(number)" }
    }

    /// Pods 2 and 3 are on bridge 0, pod 4 is on bridge 1.
    let pods: [Pod]
    private let tag = RandomBytes.bytes(3).map { String($0, radix: 16) }.joined()

    init(mtu: Int = 1500) throws {
        pods = [(0, 2), (0, 3), (1, 4)].map { [tag] in Pod(name: "cz\(tag)-\($1)", bridge: $0, number: $1) }
        for bridge in 0...1 {
            try shell(
                """
                ip link add \(self.bridge(bridge)) type bridge mcast_snooping 0
                ip addr add 10.99.\(bridge).1/24 dev \(self.bridge(bridge))
                ip addr add fd99:\(bridge + 1)::1/64 dev \(self.bridge(bridge)) nodad
                ip link set \(self.bridge(bridge)) up
                """)
        }
        for pod in pods {
            try shell(
                """
                ip netns add \(pod.name)
                ip link add v\(tag)\(pod.number) mtu \(mtu) type veth peer name eth0 netns \(pod.name) \
                    address \(pod.hardwareAddress) mtu \(mtu)
                ip link set v\(tag)\(pod.number) master \(bridge(pod.bridge)) up
                ip -n \(pod.name) addr add \(pod.ipv4)/24 dev eth0
                ip -n \(pod.name) addr add \(pod.ipv6)/64 dev eth0 nodad
                ip -n \(pod.name) link set eth0 up
                ip -n \(pod.name) route add default via 10.99.\(pod.bridge).1
                ip -n \(pod.name) -6 route add default via fd99:\(pod.bridge + 1)::1
                """)
        }
    }

    deinit {
        for pod in pods { _ = try? TestSupport.run("ip", ["netns", "del", pod.name]) }
        for number in 0...1 { _ = try? TestSupport.run("ip", ["link", "del", bridge(number)]) }
    }

    func bridge(_ number: Int) -> String { "b\(tag)\(number)" }

    /// What a namespace has that it did not have before.
    func leftovers(of pod: Pod) throws -> String {
        let links = "ip -n \(pod.name) -br link | grep czone || true"
        return try shell("\(links); tc -n \(pod.name) qdisc show dev eth0 | grep ingress || true")
    }

    @discardableResult
    private func shell(_ script: String) throws -> String {
        let result = try TestSupport.run("bash", ["-ec", script])
        try #require(result.status == 0, "\(script)\n\(result.error)")
        return result.output
    }
}
