import Testing

@testable import AgentProtocol

/// Arguments and variables as they travel.
@Suite struct CStringTests {
    private func roundTrip(_ process: ProcessSpecification) throws -> ProcessSpecification {
        var encoder = MessageEncoder()
        process.encode(into: &encoder)
        if let violation = encoder.violation { throw violation }
        var decoder = MessageDecoder(encoder.bytes)
        let decoded = try ProcessSpecification(decoding: &decoder)
        try decoder.end()
        return decoded
    }

    @Test func bytesOfNoEncodingTravel() throws {
        let process = ProcessSpecification(
            arguments: CStringList([CString([0x2F, 0xE9]), CString([]), CString([0xFF, 0x01])]),
            environment: CStringList([CString([0x58, 0x3D, 0xE9])]), workingDirectory: CString([0x2F, 0x80]))
        #expect(try roundTrip(process) == process)
        #expect(process.arguments.first == CString([0x2F, 0xE9]))
    }

    @Test func asManyAsLinuxTakes() throws {
        let many = CStringList((0..<600_000).map { _ in CString([0x61]) })
        #expect(try roundTrip(ProcessSpecification(arguments: many)).arguments.bytes.count == 1_200_000)
        let long = CString([UInt8](repeating: 0x61, count: Limits.argument))
        let process = ProcessSpecification(arguments: CStringList((0..<40).map { _ in long }))
        let request = CreateContainer(
            container: ContainerNumber(1), node: 0, zoneBytes: 0, start: true,
            specification: ContainerSpecification(root: RootFileSystem(layers: []), process: process))
        let bytes = try Frame.bytes(of: request, request: 1)
        var decoder = FrameDecoder(maxPayload: Limits.requestPayload)
        decoder.append(bytes[...])
        #expect(try decoder.next()?.message(CreateContainer.self) == request)
        // The agent's own frames stay short.
        var host = FrameDecoder()
        host.append(bytes[...])
        #expect(throws: ProtocolError.self) { try host.next() }
    }

    @Test func whatIsTooMuchIsRefusedByBothSides() {
        let tooLong = CString([UInt8](repeating: 0x61, count: Limits.argument + 1))
        let half = CString([UInt8](repeating: 0x61, count: Limits.argument))
        for arguments in [CStringList([tooLong]), CStringList((0..<49).map { _ in half })] {
            #expect(throws: ProtocolError.self) { try roundTrip(ProcessSpecification(arguments: arguments)) }
        }
        #expect(throws: ProtocolError.self) {
            try roundTrip(ProcessSpecification(arguments: ["a"], workingDirectory: CString([0x2F, 0, 0x61])))
        }
        for bytes in [[1, 0, 0, 0, 0x61], [4, 0, 0, 0, 0x61, 0], [0xFF, 0xFF, 0xFF, 0xFF]] as [[UInt8]] {
            var decoder = MessageDecoder(bytes)
            #expect(throws: ProtocolError.self, "\(bytes)") { try decoder.strings("arguments") }
        }
    }

    @Test func listsAreFilteredOneByOne() {
        let list: CStringList = ["A=1", "", "B=2"]
        #expect(list.filter { !$0.isEmpty } == ["A=1", "B=2"])
        #expect(list.filter { _ in false }.isEmpty)
        var seen = 0
        list.forEach { _ in
            seen += 1
            return seen < 2
        }
        #expect(seen == 2)
    }
}
