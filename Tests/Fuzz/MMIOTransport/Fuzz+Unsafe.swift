import Devices
import Memory
import TestSupport
import Virtio

private let memorySizeInBytes = 1 << 20

/// Entry of libFuzzer: the input is a script of a hostile driver's register accesses and memory writes, with steps of a
/// good driver in between so that the fuzzer gets far, against an entropy and a balloon device.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    var input = FuzzInput(unsafe [UInt8](UnsafeBufferPointer(start: start, count: count)))
    guard let memory = try? GuestMemory.zeroed(sizeInBytes: memorySizeInBytes) else { return 0 }
    let device: any VirtioDevice =
        input.integer(UInt8.self) & 1 == 0 ? EntropyDevice() : BalloonDevice(backing: NoPages())
    let driver = TestDriver(device, memory: memory, base: 0x1000, queueSize: 8)
    while !input.isEmpty { step(driver, &input) }
    return 0
}

private final class NoPages: FreePageBacking {
    func takeBack(_ range: GuestRange) -> UInt64 { 0 }
}

private func step(_ driver: TestDriver, _ input: inout FuzzInput) {
    let queue = input.number(below: driver.queues.count)
    switch input.integer(UInt8.self) % 16 {
    case 0: driver.start()
    case 1: driver.negotiate()
    case 2: driver.setUp(queue: queue, as: driver.queues[queue].configuration)
    case 3: driver.addStatus(UInt32(input.integer(UInt8.self)))
    case 4: driver.transport.write(UInt64(input.integer(UInt32.self)), offset: offset(&input), width: width(&input))
    case 5: _ = driver.transport.read(offset: offset(&input), width: width(&input))
    case 6:
        try? driver.memory.write(
            input.bytes(Int(input.integer(UInt8.self))), at: GuestAddress(UInt64(input.integer(UInt16.self))))
    case 7: try? driver.queues[queue].writeDescriptor(descriptor(&input), at: UInt16(input.integer(UInt8.self) & 7))
    case 8: try? driver.queues[queue].offer(UInt16(input.integer(UInt8.self)))
    case 9: _ = try? driver.queues[queue].add([.writable(input.number(below: 5000))])
    case 10: _ = try? driver.queues[queue].add([.readable(input.bytes(input.number(below: 300)))], indirect: true)
    case 11: driver.notify(queue)
    case 12: moveToAnotherTransport(driver)
    case 13: for queue in driver.repeater.take() { driver.transport.handleNotification(queue: queue) }
    default: driver.acknowledge()
    }
}

private func offset(_ input: inout FuzzInput) -> UInt64 {
    let kind = input.integer(UInt8.self)
    return kind == 0xff ? .max - UInt64(input.integer(UInt8.self)) : UInt64(kind) * 4 + (kind == 0xfe ? 1 : 0)
}

private func width(_ input: inout FuzzInput) -> Int { [4, 4, 4, 4, 1, 2, 8, 4][Int(input.integer(UInt8.self) & 7)] }

private func descriptor(_ input: inout FuzzInput) -> DriverQueue.Descriptor {
    DriverQueue.Descriptor(
        UInt64(input.integer(UInt16.self)) << (input.integer(UInt8.self) & 63), input.integer(),
        flags: UInt16(input.integer(UInt8.self) & 7), next: UInt16(input.integer(UInt8.self) & 15))
}

/// What was saved of a device in whatever state must be taken up again.
private func moveToAnotherTransport(_ driver: TestDriver) {
    var writer = StateWriter()
    driver.transport.save(to: &writer)
    var reader = StateReader(writer.bytes)
    do throws(StateError) {
        try driver.transport.restore(from: &reader)
    } catch {
        preconditionFailure("saved state was refused: \(error)")
    }
    driver.transport.resume()
}
