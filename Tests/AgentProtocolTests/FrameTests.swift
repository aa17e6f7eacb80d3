import AgentProtocol
import Testing

/// A Hello frame, byte by byte.
let helloBytes: [UInt8] = [
    0x07, 0x00, 0x00, 0x00,  // payload: 7 bytes
    0x00, 0x40,  // type: hello
    0x00, 0x00,  // reserved
    0x00, 0x00, 0x00, 0x00,  // request: none
    0x43, 0x5A, 0x41, 0x47,  // "CZAG"
    0x02, 0x00,  // version 2
    0x01,  // set up before
]

let hello = Hello(isSetUp: true)

@Test func helloIsLaidOutAsDocumented() throws {
    #expect(try Frame.bytes(of: hello) == helloBytes)
}

@Test func decoderYieldsAFrameFromSingleBytes() throws {
    var decoder = FrameDecoder()
    for byte in helloBytes.dropLast() {
        decoder.append([byte])
        #expect(try decoder.next() == nil)
    }
    decoder.append([helloBytes[helloBytes.count - 1]])
    let frame = try #require(try decoder.next())
    #expect(try frame.message(Hello.self) == hello)
    #expect(try decoder.next() == nil)
    #expect(decoder.pendingBytes == 0)
}

@Test func decoderYieldsSeveralFramesOfOneRead() throws {
    var decoder = FrameDecoder()
    decoder.append((helloBytes + helloBytes + helloBytes.prefix(5))[...])
    #expect(try decoder.next() != nil)
    #expect(try decoder.next() != nil)
    #expect(try decoder.next() == nil)
    #expect(decoder.pendingBytes == 5)
}

@Test(
    arguments: [
        ([0x01, 0x00, 0x10, 0x00, 0x00, 0x40, 0x00, 0x00, 0, 0, 0, 0], ProtocolError.frameTooLong(length: 0x100001)),
        ([0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x01, 0x00, 0, 0, 0, 0], .reservedNotZero(value: 1)),
        ([0x00, 0x00, 0x00, 0x00, 0xFF, 0x7F, 0x00, 0x00, 0, 0, 0, 0], .unknownType(0x7FFF)),
    ] as [([UInt8], ProtocolError)])
func decoderRefusesABadHeaderAndStaysRefusing(header: [UInt8], expected: ProtocolError) {
    var decoder = FrameDecoder()
    decoder.append(header[...])
    #expect(throws: expected) { try decoder.next() }
    decoder.append(helloBytes[...])
    #expect(throws: expected) { try decoder.next() }
    #expect(decoder.pendingBytes == 0)
}

@Test func messageMustFillItsFrame() {
    let long = Frame(type: .zoneChanged, request: 0, payload: [UInt8](repeating: 0, count: 13))
    #expect(throws: ProtocolError.trailingBytes(count: 1)) { try long.message(ZoneChanged.self) }
    let short = Frame(type: .zoneChanged, request: 0, payload: [UInt8](repeating: 0, count: 11))
    #expect(throws: ProtocolError.truncated(missing: 1)) { try short.message(ZoneChanged.self) }
    #expect(throws: ProtocolError.unexpectedType(0x4003, expected: 0x4001)) { try long.message(Exited.self) }
}

@Test func helloOfAnotherVersionOrProgramIsRefused() {
    var payload = [UInt8](helloBytes.dropFirst(Frame.headerLength))
    payload[4] = 1
    #expect(throws: ProtocolError.wrongVersion(1)) {
        try Frame(type: .hello, request: 0, payload: payload).message(Hello.self)
    }
    payload[0] = 0
    #expect(throws: ProtocolError.wrongMagic(0x4741_5A00)) {
        try Frame(type: .hello, request: 0, payload: payload).message(Hello.self)
    }
}

@Test func nothingOverALimitIsSent() {
    let path = String(repeating: "x", count: Limits.path + 1)
    let tree = Tree.guest(path: path)
    let request = CreateContainer(
        container: ContainerNumber(1), node: 0, zoneBytes: 0, start: true,
        specification: ContainerSpecification(
            root: RootFileSystem(layers: [tree]), process: ProcessSpecification(arguments: ["a"])))
    #expect(throws: ProtocolError.tooLong(field: "path", count: 4096, limit: 4095)) { try Frame.bytes(of: request) }

    let arguments = [String](repeating: String(repeating: "y", count: 100_000), count: 64)
    let execute = Execute(
        container: ContainerNumber(1), process: ProcessNumber(1),
        specification: ProcessSpecification(arguments: CStringList(texts: arguments)))
    #expect(throws: ProtocolError.self) { try Frame.bytes(of: execute) }
}

@Test func zeroBytesInTextsAreRefusedOnBothSides() {
    let execute = Execute(
        container: ContainerNumber(1), process: ProcessNumber(1),
        specification: ProcessSpecification(arguments: ["a\0b"]))
    #expect(throws: ProtocolError.invalidText(field: "arguments")) { try Frame.bytes(of: execute) }
    var decoder = MessageDecoder([3, 0, 0, 0, 0x61, 0, 0x62])
    #expect(throws: ProtocolError.invalidText(field: "name")) { try decoder.text("name", atMost: 10) }
}

@Test func listLongerThanItsMessageIsRefusedBeforeAnythingIsAllocated() {
    // 65 536 processes announced, none there.
    let frame = Frame(type: .processList, request: 1, payload: [0x00, 0x00, 0x01, 0x00])
    #expect(throws: ProtocolError.truncated(missing: 65_536)) { try frame.message(ProcessList.self) }
    let over = Frame(type: .processList, request: 1, payload: [0x01, 0x00, 0x01, 0x00])
    #expect(throws: ProtocolError.tooLong(field: "processes", count: 65_537, limit: 65_536)) {
        try over.message(ProcessList.self)
    }
}
