import LinuxSystem

/// Pods' network namespaces on a bridge of the host's, as a CNI plug-in makes them, with names of their own.
final class PodBridge {
    private let tag = RandomBytes.bytes(3).map { String($0, radix: 16) }.joined()
    private(set) var count = 0

    private var bridge: String { "czb\(tag)" }

    /// The host's address on the bridge: in a network for benchmarks (RFC 2544).
    static let hostAddress = "198.18.0.1"

    init() throws {
        try ip("link add \(bridge) type bridge mcast_snooping 0")
        try ip("addr add \(Self.hostAddress)/24 dev \(bridge)")
        try ip("link set \(bridge) up")
    }

    /// Adds a pod; its number, from 0 up.
    func addPod() throws -> Int {
        let number = count
        count += 1
        let outer = "cz\(tag)v\(number)"
        try ip("netns add \(name(number))")
        try ip("link add \(outer) type veth peer name eth0 netns \(name(number))")
        try ip("link set \(outer) master \(bridge) up")
        try ip("-n \(name(number)) addr add \(address(number))/24 dev eth0")
        try ip("-n \(name(number)) link set eth0 up")
        try ip("-n \(name(number)) link set lo up")
        return number
    }

    func name(_ number: Int) -> String { "cz\(tag)-\(number)" }
    func address(_ number: Int) -> String { "198.18.0.\(number + 10)" }

    /// Takes all away.
    func remove() {
        for number in 0..<count { try? ip("netns del \(name(number))") }
        try? ip("link del \(bridge)")
    }

    private func ip(_ words: String) throws {
        _ = try Stopwatch.output(of: "ip", words.split(separator: " ").map(String.init))
    }
}
