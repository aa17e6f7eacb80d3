import Devices
public import Memory

/// An image in guest memory (virtio 1.2 §5.19): the guest maps it directly, nothing is copied.
///
/// The machine maps the image read-only, in this process and in the VM's memory slot, so that no guest can change what
/// its siblings see; the device only says where it lies. One without an image is a placeholder until it is filled: where a
/// VM is restored from the template of every image, or a container of a further image comes. Protected by the device lock.
public final class PersistentMemoryDevice: VirtioDevice {
    static let requestsPerTurn = 16

    /// Where the image lies; nil: there is none.
    public private(set) var range: GuestRange?
    private var queue: DeviceQueue?

    /// - Parameter range: whole 2 MiB pages, mapped by the machine before it runs; nil: no image.
    public init(range: GuestRange?) { self.range = range }

    /// An image has come, which the machine has mapped; the guest's driver finds it when it is bound to the device anew.
    public func fill(_ range: GuestRange) {
        precondition(self.range == nil, "a place for an image is filled once")
        self.range = range
    }

    /// The device ID of §5.19.1, or a placeholder's.
    public var type: DeviceType { range == nil ? .placeholder : .persistentMemory }
    public var offeredFeatures: UInt64 { 0 }
    public var queueSizes: [UInt16] { [16] }

    /// §5.19.4: start, size.
    public var configuration: [UInt8] {
        var writer = StateWriter()
        writer.write(range?.start.rawValue ?? 0)
        writer.write(range?.sizeInBytes ?? 0)
        return writer.bytes
    }

    public func activate(_ activation: Activation) { queue = activation.queues[0] }

    public func reset() { queue = nil }

    public func handleNotification(queue index: Int) {
        guard let queue else { return }
        queue.serve(atMost: Self.requestsPerTurn) { chain throws(ChainError) in try answer(chain, in: queue.memory) }
    }

    /// §5.19.6: a 32-bit type, answered by a 32-bit result. Nothing can be written, so FLUSH (0) has nothing to do and
    /// succeeds; anything else fails.
    private func answer(_ chain: DescriptorChain, in memory: GuestMemory) throws(ChainError) -> UInt32 {
        var reader = ChainReader(chain, in: memory)
        var writer = ChainWriter(chain, in: memory)
        let type = try reader.readInteger(UInt32.self)
        try writer.writeInteger(UInt32(type == 0 ? 0 : 1))
        return writer.written
    }
}
