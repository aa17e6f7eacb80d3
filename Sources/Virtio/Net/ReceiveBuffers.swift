/// The driver's receive buffers that come next: looked at, and still in the queue. Forgotten when anything else takes
/// buffers from it. Protected by the device lock.
struct ReceiveBuffers {
    private(set) var chains: [DescriptorChain] = []
    private var room: UInt64 = 0

    /// Looks at as many as hold so many bytes. False where the driver has given fewer, or one without room: it is reported
    /// when it is taken.
    mutating func fill(upTo size: UInt64, from queue: DeviceQueue) -> Bool {
        while room < size {
            guard let chain = queue.peek(chains.count), chain.writableSizeInBytes > 0 else { return false }
            chains.append(chain)
            room += chain.writableSizeInBytes
        }
        return true
    }

    /// Takes as many as hold so many bytes out of the queue; each with its part of the bytes. There must be as many.
    mutating func take(_ size: UInt64, from queue: DeviceQueue) -> [(chain: DescriptorChain, written: UInt32)] {
        var taken: [(chain: DescriptorChain, written: UInt32)] = []
        var rest = size
        for chain in chains {
            guard rest > 0 else { break }
            let part = min(rest, chain.writableSizeInBytes)
            taken.append((chain, UInt32(clamping: part)))
            rest -= part
            room -= chain.writableSizeInBytes
        }
        chains.removeFirst(taken.count)
        queue.take(taken.count)
        return taken
    }

    /// Something else is about to take buffers, or there are others now.
    mutating func forget() { self = ReceiveBuffers() }
}
