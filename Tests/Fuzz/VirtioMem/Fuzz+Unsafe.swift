import Geometry
import Memory
import TestSupport
import Virtio
import Zones

private let block = ZoneGeometry.blockSizeInBytes

/// Entry of libFuzzer: the input is a script of a host that changes its mind, a backing that fails, and a hostile guest
/// that asks for memory. Whatever happens, the device, the backing and the configuration agree, no block outside of the
/// zone is ever touched, and no plug takes the guest beyond what it was asked to have.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    var input = FuzzInput(unsafe [UInt8](UnsafeBufferPointer(start: start, count: count)))
    guard let memory = try? GuestMemory.zeroed(sizeInBytes: 1 << 20),
        let table = try? ZoneLayout(count: 3, sizeInBytes: 4 * block, base: GuestAddress(1 << 32))
    else { return 0 }
    let zone = table.zones[1]
    let backing = RecordingBacking()
    let device = MemoryDevice(zone: zone, backing: backing)
    let driver = TestDriver(device, memory: memory)
    driver.start()
    while !input.isEmpty {
        let before = device.pluggedSizeInBytes
        let kind = input.integer(UInt8.self)
        step(kind, driver, device, backing, &input)
        check(device, zone, backing, driver)
        let grew = device.pluggedSizeInBytes > before
        precondition(!grew || device.pluggedSizeInBytes <= device.requestedSizeInBytes, "more than was asked for")
    }
    return 0
}

private func step(
    _ kind: UInt8, _ driver: TestDriver, _ device: MemoryDevice, _ backing: RecordingBacking, _ input: inout FuzzInput
) {
    switch kind & 15 {
    case 0: try? device.request(sizeInBytes: UInt64(input.integer(UInt8.self) & 7) * block)
    case 1: try? device.request(sizeInBytes: input.integer())
    case 2: backing.failingCalls = [backing.callCount + Int(input.integer(UInt8.self) & 7), backing.callCount + 8]
    case 3: driver.start()
    case 4: send([MemoryRequestBytes.bytes(MemoryRequestBytes.unplugAll)], driver)
    case 5:
        try? driver.queues[0].writeDescriptor(
            .init(
                UInt64(input.integer(UInt16.self)), UInt32(input.integer(UInt16.self)),
                flags: UInt16(input.integer(UInt8.self) & 7), next: UInt16(input.integer(UInt8.self) & 15)),
            at: UInt16(input.integer(UInt8.self) & 7))
    case 6: try? driver.queues[0].offer(UInt16(input.integer(UInt8.self)))
    case 7:
        send(
            [input.bytes(Int(input.integer(UInt8.self) & 63))], driver, roomInBytes: Int(input.integer(UInt8.self) & 31)
        )
    case 8: send([MemoryRequestBytes.bytes(input.integer(), input.integer(), input.integer())], driver)
    default: send([request(&input)], driver, indirect: kind & 16 != 0)
    }
}

/// A request with a block-aligned address in or around the zone.
private func request(_ input: inout FuzzInput) -> [UInt8] {
    let type = UInt16(input.integer(UInt8.self) & 3)
    let address = 1 << 32 + UInt64(input.integer(UInt8.self) & 15) * block
    return MemoryRequestBytes.bytes(type, address, UInt16(input.integer(UInt8.self) & 7))
}

private func send(_ parts: [[UInt8]], _ driver: TestDriver, roomInBytes: Int = 10, indirect: Bool = false) {
    _ = try? driver.queues[0].add(
        parts.map { .readable($0) } + [.writable(roomInBytes)], indirect: indirect)
    driver.notify(0)
}

private func check(_ device: MemoryDevice, _ zone: Zone, _ backing: RecordingBacking, _ driver: TestDriver) {
    precondition(backing.plugged.allSatisfy { zone.range.contains($0) }, "a block of another zone")
    precondition(UInt64(backing.plugged.count) * block == device.pluggedSizeInBytes, "the map and the backing differ")
    precondition(device.pluggedSizeInBytes == driver.configuration(40), "the configuration differs")
    precondition(device.requestedSizeInBytes <= zone.sizeInBytes, "a wish beyond the zone")
}
