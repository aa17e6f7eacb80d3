import LinuxSystem
import Memory
import TestSupport
import Virtio

private let addresses: [UInt64] = [0x0200_0000_0001, 0x0200_0000_0002]

/// Entry of libFuzzer: the input is a script of a hostile guest, a network that sends what it likes, and ports that come
/// and go. Whatever happens: what leaves by a port has its address as source and no tag of the device's, what reaches
/// the guest has a port's tag, and the device never loses count of buffers.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    var input = FuzzInput(unsafe [UInt8](UnsafeBufferPointer(start: start, count: count)))
    guard let memory = try? GuestMemory.zeroed(sizeInBytes: 1 << 20), let loop = try? EventLoop(),
        let wires = try? [PacketPair(), PacketPair()]
    else { return 0 }
    // An image: buffers may lie in it, and may not.
    if let image = try? Mapping(.anonymous, sizeInBytes: 4096) {
        try? memory.addReadOnlyRegion(at: GuestAddress(1 << 24), backedBy: image)
    }
    let device = NetworkDevice(loop: loop)
    let driver = TestDriver(device, memory: memory, lock: loop.lock)
    driver.start()
    var ports: [NetworkPort?] = [nil, nil]
    while !input.isEmpty {
        step(driver, device, wires, &ports, &input)
        _ = try? loop.runOnce(timeoutInMilliseconds: 0)
        for (place, wire) in wires.enumerated() { check(wire.takePackets(), from: addresses[place]) }
    }
    return 0
}

private func step(
    _ driver: TestDriver, _ device: NetworkDevice, _ wires: [PacketPair], _ ports: inout [NetworkPort?],
    _ input: inout FuzzInput
) {
    let kind = input.integer(UInt8.self)
    let place = Int(kind >> 4 & 1)
    switch kind & 15 {
    case 0: driver.start(features: input.integer())
    case 1: driver.start()
    case 2:
        if let port = ports[place] { device.removePort(port) }
        ports[place] = try? device.addPort(EthernetAddress(addresses[place]), tap: wires[place].tap)
    case 3:
        if let port = ports[place] { device.removePort(port) }
        ports[place] = nil
    case 4:
        try? driver.queues[place].writeDescriptor(
            .init(
                UInt64(input.integer(UInt32.self)), UInt32(input.integer(UInt16.self)),
                flags: UInt16(input.integer(UInt8.self) & 7), next: UInt16(input.integer(UInt8.self))),
            at: UInt16(input.integer(UInt8.self)))
    case 5: try? driver.queues[place].offer(UInt16(input.integer(UInt8.self)))
    case 7:
        // Room for any frame.
        for _ in 0..<20 { _ = try? driver.queues[0].add([.writable(4095)], indirect: kind & 16 != 0) }
        driver.notify(0)
    case 6:
        _ = try? driver.queues[0].add([.writable(Int(input.integer(UInt16.self) & 4095))], indirect: kind & 16 != 0)
        driver.notify(0)
    case 8: _ = try? wires[place].network.write(some: packet(&input, port: nil)[...])
    case 9: driver.notify(place)
    case 10:
        let address = UInt64(input.integer(UInt8.self)) << 20
        let size = Int(input.integer(UInt16.self) & 8191)
        _ = try? driver.queues[place].add([
            place == 0 ? .writable(12) : .readable(PacketBytes.header() + packet(&input, port: ports[0]?.number)),
            .range(address, UInt32(size), writable: place == 0),
        ])
        driver.notify(place)
    default:
        let number = UInt16(input.integer(UInt8.self) & 7)
        let bytes = packet(&input, port: kind & 32 != 0 ? ports[place]?.number : number)
        let cut = Int(input.integer(UInt8.self))
        _ = try? driver.queues[1].add(
            [.readable(Array(bytes.prefix(cut))), .readable(Array(bytes.dropFirst(cut)))], indirect: kind & 64 != 0)
        driver.notify(1)
    }
}

/// A header of any kind, and a frame between addresses that exist or not.
private func packet(_ input: inout FuzzInput, port: UInt16?) -> [UInt8] {
    let choice = input.integer(UInt8.self)
    let known = addresses + [0xffff_ffff_ffff, 0x0200_0000_0099]
    let header = choice & 128 != 0 ? input.bytes(12) : PacketBytes.header()
    return header
        + PacketBytes.frame(
            to: known[Int(choice & 3)], from: known[Int(choice >> 2 & 3)], port: port,
            payload: Int(input.integer(UInt16.self) & 8191))
}

private func check(_ packets: [[UInt8]], from address: UInt64) {
    for packet in packets {
        precondition(packet.count >= 12 + 14, "a frame without addresses")
        let source = packet[18..<24].reduce(0) { $0 << 8 | UInt64($1) }
        precondition(source == address, "a spoofed frame")
        let start = Int(packet[6]) | Int(packet[7]) << 8
        precondition(
            packet[0] & 1 == 0 || (14..<packet.count - 12 - 1).contains(start), "a checksum outside of the frame")
    }
}
