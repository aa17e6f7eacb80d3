import Memory

/// An entropy source (virtio 1.2 §5.4): fills the driver's buffers with random bytes of the host's kernel.
///
/// A greedy guest costs the host at most `requestsPerTurn` × `bytesPerRequest` bytes before others have their turn.
/// Protected by the device lock.
public final class EntropyDevice: VirtioDevice {
    /// A larger buffer is filled up to here; the driver sees how far.
    static let bytesPerRequest = 4096
    static let requestsPerTurn = 16

    private var queue: DeviceQueue?

    /// A device that no driver has set up.
    public init() {}

    /// The device ID of §5.4.1.
    public var type: DeviceType { .entropy }
    public var offeredFeatures: UInt64 { 0 }
    public var queueSizes: [UInt16] { [16] }
    public var configuration: [UInt8] { [] }

    public func activate(_ activation: Activation) { queue = activation.queues[0] }

    public func reset() { queue = nil }

    public func handleNotification(queue index: Int) {
        guard let queue else { return }
        queue.serve(atMost: Self.requestsPerTurn) { chain throws(ChainError) in try fill(chain, in: queue.memory) }
    }

    /// Fills the writable part; how many bytes of it.
    private func fill(_ chain: DescriptorChain, in memory: GuestMemory) throws(ChainError) -> UInt32 {
        var writer = ChainWriter(chain, in: memory)
        // §5.4.6.1: a request has room for at least one byte.
        guard writer.remaining > 0 else { throw .tooShort(wanted: 1, remaining: 0) }
        for range in writer.ranges(atMost: Self.bytesPerRequest) {
            do { try memory.fillRandom(range) } catch { throw .memory(error) }
            writer.advance(by: Int(range.sizeInBytes))
        }
        return writer.written
    }
}
