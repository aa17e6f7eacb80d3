import Devices
import Glibc
import LinuxSystem
import Memory
import TestSupport

@testable import Virtio

/// Entry of libFuzzer: the input is a script of a hostile guest that sends packets and gives buffers, and of host ends
/// that read, write and close. Whatever happens, no connection keeps more than its buffer, there are no more of them
/// than there may be, everything owed has somebody to get it, and only ports that the host waits on can be reached.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // As czone-vm does: a host end that has gone is an error of that write.
    signal(SIGPIPE, SIG_IGN)
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    var input = FuzzInput(unsafe [UInt8](UnsafeBufferPointer(start: start, count: count)))
    guard let memory = try? GuestMemory.zeroed(sizeInBytes: 2 << 20), let loop = try? EventLoop() else { return 0 }
    let device = VsockDevice(loop: loop)
    let driver = TestDriver(device, memory: memory)
    driver.start()
    let host = Host(device)
    while !input.isEmpty {
        step(input.integer(UInt8.self), driver, device, host, &input)
        _ = try? loop.runOnce(timeoutInMilliseconds: 0)
        check(device, host)
    }
    return 0
}

/// The ports that the host waits on, and its ends of the streams.
private final class Host {
    static let listened: UInt32 = 1024
    static let expected: UInt32 = 2000
    var ends: [OwnedDescriptor] = []

    init(_ device: VsockDevice) {
        device.listen(on: Self.listened) { [unowned self] _ in makeEnd() }
    }

    /// The device's side of a stream; at most 32 live, so that descriptors do not run out.
    func makeEnd() -> OwnedDescriptor? {
        guard ends.count < 32, let (mine, its) = try? UnixSocket.pair() else { return nil }
        try? mine.setNonBlocking()
        ends.append(mine)
        return its
    }
}

private func step(
    _ kind: UInt8, _ driver: TestDriver, _ device: VsockDevice, _ host: Host, _ input: inout FuzzInput
) {
    switch kind & 15 {
    case 0:
        if let end = host.makeEnd() { device.expect(on: Host.expected + UInt32(kind >> 4), end) }
    case 1: if let end = host.makeEnd() { _ = device.connect(to: UInt32(input.integer(UInt8.self)), end) }
    case 2:
        if let end = host.ends.randomised(&input) { _ = try? end.write(some: input.bytes(64)[...]) }
    case 3: if let end = host.ends.randomised(&input) { _ = try? end.read(atMost: 1 << 16) }
    case 4: if !host.ends.isEmpty { host.ends.remove(at: input.number(below: host.ends.count)) }
    case 5: if let end = host.ends.randomised(&input) { end.endWriting() }
    case 6: driver.start()
    case 7: device.resetTransport()
    case 8: give(driver, 44 + Int(input.integer(UInt8.self)))
    case 9: give(driver, Int(input.integer(UInt8.self) & 63))
    case 10: send(input.bytes(Int(input.integer(UInt8.self) & 127)), driver)
    default: send(packet(&input), driver)
    }
}

/// Buffers for the guest to receive in.
private func give(_ driver: TestDriver, _ size: Int) {
    _ = try? driver.queues[VsockDevice.Queue.receive].add([.writable(size)])
    driver.notify(VsockDevice.Queue.receive)
}

private func send(_ bytes: [UInt8], _ driver: TestDriver) {
    _ = try? driver.queues[VsockDevice.Queue.transmit].add([.readable(bytes)])
    driver.notify(VsockDevice.Queue.transmit)
}

/// A packet whose header is nearly right.
private func packet(_ input: inout FuzzInput) -> [UInt8] {
    let shape = input.integer(UInt8.self)
    let payload = Int(input.integer(UInt16.self))
    var writer = StateWriter()
    writer.write(UInt64(shape & 1 == 0 || shape & 2 == 0 ? 3 : 4))
    writer.write(UInt64(2))
    writer.write(UInt32(input.integer(UInt8.self)))
    writer.write([Host.listened, Host.expected, 0x4000_0000, 5][Int(shape >> 2 & 3)] + UInt32(shape >> 4 & 3))
    writer.write(shape & 0xc0 == 0xc0 ? input.integer(UInt32.self) : UInt32(payload))
    writer.write(UInt16(shape == 0xff ? 2 : 1))
    writer.write(UInt16(input.integer(UInt8.self) & 7))
    writer.write(UInt32(input.integer(UInt8.self) & 3))
    writer.write(input.integer(UInt32.self))
    writer.write(input.integer(UInt32.self))
    return writer.bytes + [UInt8](repeating: shape, count: payload)
}

private func check(_ device: VsockDevice, _ host: Host) {
    precondition(device.connections.count <= VsockDevice.maxConnections, "too many connections")
    precondition(device.strayResets.count <= VsockDevice.maxStrayResets, "too many resets")
    for (id, connection) in device.connections {
        precondition(
            connection.pending.count <= Int(VsockConnection.bufferSize), "more kept than the guest had credit for")
        precondition(connection.due.isEmpty || device.owing.contains(id), "a packet is owed and has no turn")
        let isKnown = id.hostPort == Host.listened || id.hostPort >= Host.expected
        precondition(isKnown, "a port that nobody waits on")
    }
    precondition(
        device.starved.allSatisfy { device.connections[$0] != nil }, "a connection that is gone waits for buffers")
}

extension [OwnedDescriptor] {
    /// One of them that the input chooses.
    fileprivate func randomised(_ input: inout FuzzInput) -> OwnedDescriptor? {
        isEmpty ? nil : self[input.number(below: count)]
    }
}
