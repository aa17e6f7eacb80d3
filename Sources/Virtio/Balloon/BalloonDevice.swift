public import Memory

/// Takes back what the guest has free (virtio 1.2 §5.5): of the device called balloon only the reporting of free pages,
/// by which an idle guest's, and an idle container's, memory returns to the host without anybody asking for it. Nothing
/// is ever inflated: how much memory a container has is its zone's affair.
///
/// A report is a wish of the guest about its own memory: it reaches what is mapped into the guest, and nothing else.
/// Protected by the device lock.
public final class BalloonDevice: VirtioDevice {
    /// VIRTIO_BALLOON_F_PAGE_REPORTING
    static let reportingFeature: UInt64 = 1 << 5
    /// One report has up to 32 ranges, each some work for the host; a hostile guest costs this many before others have
    /// their turn.
    static let reportsPerTurn = 4

    /// §5.5.2 gives every queue a number of its own; Linux, and all who serve it, leave out those whose feature is not
    /// there, so that the reporting queue, the fifth, is the third here.
    enum Queue {
        static let inflate = 0
        static let deflate = 1
        static let reporting = 2
    }

    private let backing: any FreePageBacking
    private var queues: [Int: DeviceQueue] = [:]
    /// What has been given back since the machine was made, in bytes.
    public private(set) var returnedBytes: UInt64 = 0

    /// - Parameter backing: takes the free pages; kept for as long as the device lives.
    public init(backing: any FreePageBacking) { self.backing = backing }

    /// The device ID of §5.5.1.
    public var type: DeviceType { .balloon }
    public var offeredFeatures: UInt64 { Self.reportingFeature }
    /// The driver wants 32 entries for its reports.
    public var queueSizes: [UInt16] { [16, 16, 32] }

    /// §5.5.4: the wanted size, the actual size, and two fields of features that are not offered. All are 0 for ever;
    /// what the driver writes as actual size is the same.
    public var configuration: [UInt8] { [UInt8](repeating: 0, count: 16) }

    public func activate(_ activation: Activation) { queues = activation.queues }

    public func reset() { queues = [:] }

    public func handleNotification(queue index: Int) {
        guard let queue = queues[index] else { return }
        queue.serve(atMost: Self.reportsPerTurn) { chain throws(ChainError) in
            if index == Queue.reporting { take(chain) }
            return 0
        }
    }

    /// §5.5.6.7: the buffers themselves are the free pages. What is wrong about one is the guest's loss.
    private func take(_ chain: DescriptorChain) {
        for range in chain.writable { returnedBytes &+= backing.takeBack(range) }
    }
}

/// Where a guest's memory lies: given by the machine. Called with the device lock held.
public protocol FreePageBacking: AnyObject {
    /// Gives what the guest has mapped of a range, in whole pages, back to the host. The guest may touch it again at any
    /// time, and finds anything there. How many bytes that were.
    func takeBack(_ range: GuestRange) -> UInt64
}
