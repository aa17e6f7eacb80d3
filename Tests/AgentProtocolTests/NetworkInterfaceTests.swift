import AgentProtocol
import Testing

private func address(_ octets: UInt8...) throws -> InternetAddress { try #require(InternetAddress(octets)) }

private func request(_ interfaces: [NetworkInterface]) -> CreateContainer {
    var specification = ContainerSpecification(
        root: RootFileSystem(layers: [.image(device: 0)]), process: ProcessSpecification(arguments: ["a"]))
    specification.interfaces = interfaces
    return CreateContainer(
        container: ContainerNumber(1), node: 2, zoneBytes: 128 << 20, start: true, specification: specification)
}

private func decoded(_ request: CreateContainer) throws -> CreateContainer {
    var decoder = FrameDecoder()
    decoder.append(try Frame.bytes(of: request, request: 1)[...])
    return try #require(try decoder.next()).message()
}

private func interface() throws -> NetworkInterface {
    let any = try #require(NetworkPrefix(address(0, 0, 0, 0), length: 0))
    let ipv6 = try #require(InternetAddress([0xfd] + [UInt8](repeating: 0, count: 14) + [2]))
    return NetworkInterface(
        name: "eth0", port: 7, hardwareAddress: 0x0263_0000_0102, mtu: 1450,
        addresses: [
            try #require(NetworkPrefix(address(10, 1, 2, 3), length: 24)),
            try #require(NetworkPrefix(ipv6, length: 64)),
        ],
        routes: [
            NetworkRoute(
                destination: any, gateway: try address(10, 1, 2, 1), source: try address(10, 1, 2, 3), scope: 0,
                metric: 9,
                isOnLink: true),
            NetworkRoute(destination: try #require(NetworkPrefix(ipv6, length: 128)), scope: 253),
        ])
}

@Test func interfacesSurviveTheWire() throws {
    let sent = request([
        try interface(), NetworkInterface(name: "net1", hardwareAddress: 2, mtu: 68, addresses: [], routes: []),
    ])
    #expect(try decoded(sent) == sent)
}

@Test func anInterfaceIsLaidOutAsDocumented() throws {
    let prefix = try #require(NetworkPrefix(address(10, 0, 0, 2), length: 8))
    let sent = request([
        NetworkInterface(
            name: "e", port: 0x102, hardwareAddress: 0x0102_0304_0506, mtu: 1500, addresses: [prefix],
            routes: [NetworkRoute(destination: prefix, scope: 253, metric: 1)])
    ])
    let expected: [UInt8] = [
        1, 0, 0, 0,  // one interface
        1, 0, 0, 0, 0x65,  // its name
        2, 1,  // port
        6, 5, 4, 3, 2, 1, 0, 0,  // hardware address
        0xdc, 5, 0, 0,  // MTU
        1, 0, 0, 0, 4, 0, 0, 0, 10, 0, 0, 2, 8,  // one address: 10.0.0.2/8
        1, 0, 0, 0, 4, 0, 0, 0, 10, 0, 0, 2, 8,  // one route, to there
        0, 0,  // neither gateway nor source
        253, 1, 0, 0, 0, 0,  // scope, metric, on link
        0, 0, 0, 0, 0, 0, 0, 0,  // users' and groups' mappings
    ]
    #expect(try Frame.bytes(of: sent, request: 1).suffix(expected.count).elementsEqual(expected))
}

@Test func whatNoInterfaceCanBeIsRefused() throws {
    let changes: [(inout NetworkInterface) -> Void] = [
        { $0.hardwareAddress = 1 << 48 }, { $0.mtu = 67 }, { $0.mtu = 65_536 }, { $0.name = "sixteen-octets-0" },
        { $0.routes[0].gateway = InternetAddress([UInt8](repeating: 1, count: 16)) },
    ]
    for change in changes {
        var wrong = try interface()
        change(&wrong)
        #expect(throws: ProtocolError.self, "\(wrong)") { try decoded(request([wrong])) }
    }
    let many = [NetworkInterface](repeating: try interface(), count: NetworkLimits.interfaces + 1)
    #expect(throws: ProtocolError.self) { try decoded(request(many)) }
    #expect(InternetAddress([1, 2, 3]) == nil)
    #expect(try NetworkPrefix(address(1, 2, 3, 4), length: 33) == nil)
}
