import Glibc
import LinuxSystem
import Synchronization
import Testing

@testable import Runtime

private func pipe() throws -> (reading: OwnedDescriptor, writing: OwnedDescriptor) {
    var ends: [CInt] = [-1, -1]
    #expect(unsafe Glibc.pipe(&ends) == 0)
    return (OwnedDescriptor(taking: ends[0]), OwnedDescriptor(taking: ends[1]))
}

private func isReady(_ descriptor: OwnedDescriptor, within milliseconds: CInt) throws -> Bool {
    try wait(for: [(descriptor, .readable)], timeoutInMilliseconds: milliseconds)[0].contains(.readable)
}

@Test func everythingThatIsPrintedArrivesInOrder() throws {
    let (near, far) = try UnixSocket.pair()
    let (reading, writing) = try pipe()
    let pump = try OutputPump(from: near, to: writing)
    let sent = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    _ = try Thread(named: "container") { [far] in
        try? far.send(sent)
        far.endConnection()
    }
    try pump.start(with: pump.readFirst())
    var received: [UInt8] = []
    while received.count < sent.count { received += try reading.read(atMost: 100_000) }
    #expect(received == sent)
    #expect(try isReady(pump.finished.descriptor, within: 10_000))
}

@Test func aSlowReaderHoldsTheContainerBack() throws {
    let (near, far) = try UnixSocket.pair()
    let (reading, writing) = try pipe()
    let pump = try OutputPump(from: near, to: writing)
    try far.setNonBlocking()
    let piece = [UInt8](repeating: 7, count: 64 << 10)[...]
    try far.send([7])
    try pump.start(with: pump.readFirst())
    // Nobody reads: what is taken is bounded by the buffers on the way, however long it goes on.
    var taken = 1
    while try wait(for: [(far, .writable)], timeoutInMilliseconds: 300)[0].contains(.writable) {
        taken += (try? far.write(some: piece)) ?? 0
        #expect(taken < 4 << 20)
        if taken >= 4 << 20 { break }
    }
    far.endConnection()
    var received = 0
    while received < taken { received += try reading.read(atMost: 1 << 20).count }
    #expect(received == taken)
}

@Test func aReaderThatGoesEndsTheContainersStream() throws {
    signal(SIGPIPE, SIG_IGN)
    let (near, far) = try UnixSocket.pair()
    var (reading, writing): (OwnedDescriptor?, OwnedDescriptor) = try pipe()
    let pump = try OutputPump(from: near, to: writing)
    _ = consume near
    (reading, writing) = (nil, writing)
    #expect(reading == nil)
    try far.send([1])
    try pump.start(with: pump.readFirst())
    #expect(try isReady(pump.finished.descriptor, within: 10_000))
    #expect(throws: SystemError.self) { try far.send([1]) }
}

@Test func aStreamThatEndsWithoutAWordNeedsNoThread() throws {
    let (near, far) = try UnixSocket.pair()
    let (_, writing) = try pipe()
    let pump = try OutputPump(from: near, to: writing)
    far.endConnection()
    #expect(pump.readFirst().isEmpty)
    #expect(try isReady(pump.finished.descriptor, within: 0))
}
