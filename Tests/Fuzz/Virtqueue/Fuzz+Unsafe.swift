import Memory
import TestSupport
import Virtio

private let sizeInBytes: UInt64 = 1 << 16

/// Entry of libFuzzer: the input is guest memory with the rings in it, and a script of what the device does, while the
/// driver rewrites its memory in between. Nothing may trap, loop, or hand out more than a queue can hold.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    var input = FuzzInput(unsafe [UInt8](UnsafeBufferPointer(start: start, count: count)))
    guard let memory = try? GuestMemory.zeroed(sizeInBytes: Int(sizeInBytes)) else { return 0 }
    let size = UInt16(1) << UInt16(input.integer(UInt8.self) & 7)
    let features = UInt64(input.integer(UInt8.self)) << 28
    let driver = DriverQueue(size: size, at: 0, arenaSizeInBytes: 4096, in: memory)
    let progress = Virtqueue.Progress(
        nextAvailable: input.integer(), nextUsed: input.integer(), lastNotified: input.integer())
    guard
        var queue = try? Virtqueue(
            driver.configuration, features: features, largestSize: 256, progress: progress, in: memory)
    else { return 0 }
    while !input.isEmpty {
        switch input.integer(UInt8.self) & 7 {
        case 0: overwrite(memory, from: &input)
        case 1: try? driver.setAvailableIndex(queue.progress.nextAvailable &+ UInt16(input.integer(UInt8.self)))
        case 2: place(&input, in: driver)
        case 3: queue.putBack()
        case 4: _ = queue.shouldNotify(in: memory)
        default: popAndUse(&queue, memory, &input)
        }
    }
    return 0
}

private func overwrite(_ memory: GuestMemory, from input: inout FuzzInput) {
    let address = UInt64(input.integer(UInt16.self))
    let bytes = input.bytes(Int(input.integer(UInt8.self)))
    try? memory.write(bytes, at: GuestAddress(address))
}

/// A descriptor with addresses that are often memory, and now and then at the ends of the address space.
private func place(_ input: inout FuzzInput, in driver: DriverQueue) {
    let index = UInt16(input.number(below: Int(driver.configuration.size)))
    var address = UInt64(input.integer(UInt16.self))
    let kind = input.integer(UInt8.self)
    if kind & 1 != 0 { address = 0 &- address }
    let length = kind & 2 != 0 ? 0 &- UInt32(input.integer(UInt8.self)) : UInt32(input.integer(UInt16.self))
    let descriptor = DriverQueue.Descriptor(
        address, length, flags: UInt16(kind >> 2 & 7), next: UInt16(input.integer(UInt8.self)))
    try? driver.writeDescriptor(descriptor, at: index)
    let head = driver.configuration.availableRing.rawValue + 4 + 2 * UInt64(index)
    try? driver.memory.store(index, at: GuestAddress(head))
}

private func popAndUse(_ queue: inout Virtqueue, _ memory: GuestMemory, _ input: inout FuzzInput) {
    guard case .chain(let chain) = queue.pop(in: memory) else { return }
    precondition(chain.readable.count + chain.writable.count <= Int(queue.size), "a chain longer than its queue")
    precondition(chain.readableSizeInBytes + chain.writableSizeInBytes <= 1 << 32, "a chain beyond 4 GiB")
    var reader = ChainReader(chain, in: memory)
    _ = try? reader.readInteger(UInt64.self)
    _ = try? reader.readBytes(Int(input.integer(UInt8.self)))
    reader.advance(by: Int(input.integer(UInt32.self)))
    precondition(reader.ranges(atMost: 4096).reduce(0) { $0 + $1.sizeInBytes } <= 4096)
    _ = try? reader.readInteger(UInt16.self)
    var writer = ChainWriter(chain, in: memory)
    try? writer.writeInteger(UInt32.max)
    try? writer.write(input.bytes(Int(input.integer(UInt8.self))))
    writer.advance(by: Int(input.integer(UInt16.self)))
    precondition(UInt64(writer.written) <= chain.writableSizeInBytes, "more written than there was room")
    _ = queue.push(chain, written: writer.written, in: memory)
}
