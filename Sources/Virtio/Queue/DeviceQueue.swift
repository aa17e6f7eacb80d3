public import Memory

/// A virtqueue from activation to reset: the rings, the memory they lie in, and the driver behind them.
///
/// Turns a queue fault into a protocol violation once, for every device. Protected by the device lock.
public final class DeviceQueue {
    /// The queue's index in its device.
    public let index: Int
    /// Where the rings and buffers are.
    public let memory: GuestMemory
    private(set) var virtqueue: Virtqueue
    /// The transport, which owns the device that owns this queue.
    private weak let driver: (any DriverNotifier)?
    /// Set when the driver broke the protocol: nothing is popped any more until a reset makes a new queue.
    private(set) var isStopped = false

    /// Made by the transport at DRIVER_OK.
    public init(_ virtqueue: Virtqueue, index: Int, memory: GuestMemory, driver: any DriverNotifier) {
        self.virtqueue = virtqueue
        self.index = index
        self.memory = memory
        self.driver = driver
    }

    /// The number of entries: also the bound of what a device does in one go.
    public var size: UInt16 { virtqueue.size }

    /// The next chain; nil where there is none now, in which case the driver will notify of the next one.
    public func pop() -> DescriptorChain? {
        guard !isStopped else { return nil }
        switch virtqueue.pop(in: memory) {
        case .chain(let chain): return chain
        case .empty: return nil
        case .fault(let fault):
            fail("queue \(index): \(fault)")
            return nil
        }
    }

    /// Makes the chain that was popped last the next one again; only before anything else is popped.
    public func putBack() {
        guard !isStopped else { return }
        virtqueue.putBack()
    }

    /// The chain that comes `distance` behind the next one, which stays in the queue; nil where there is none yet.
    public func peek(_ distance: Int) -> DescriptorChain? {
        guard !isStopped, distance < size else { return nil }
        switch virtqueue.peek(UInt16(distance), in: memory) {
        case .chain(let chain): return chain
        case .empty: return nil
        case .fault(let fault):
            fail("queue \(index): \(fault)")
            return nil
        }
    }

    /// Takes so many chains out of the queue that were looked at.
    public func take(_ count: Int) {
        guard !isStopped else { return }
        virtqueue.take(UInt16(count))
    }

    /// Gives several chains back, of which the device has written so many bytes: the driver sees all of them or none.
    public func push(_ chains: [(chain: DescriptorChain, written: UInt32)]) {
        guard !isStopped else { return }
        if let fault = virtqueue.push(chains, in: memory) { fail("queue \(index): \(fault)") }
    }

    /// Whether a chain waits. Where none does, the driver will notify of the next one.
    public var hasAvailable: Bool {
        guard !isStopped else { return false }
        do {
            return try virtqueue.availableCount(in: memory) > 0
        } catch {
            fail("queue \(index): \(error)")
            return false
        }
    }

    /// Gives a chain back, of which the device has written `written` bytes.
    public func push(_ chain: DescriptorChain, written: UInt32 = 0) {
        guard !isStopped else { return }
        if let fault = virtqueue.push(chain, written: written, in: memory) { fail("queue \(index): \(fault)") }
    }

    /// One notification's work of a device that answers each request at once: gives up to `limit` chains to `answer`,
    /// which says how many bytes it wrote, and lets others have their turn before the rest.
    public func serve(atMost limit: Int, _ answer: (DescriptorChain) throws(ChainError) -> UInt32) {
        for _ in 0..<limit {
            guard let chain = pop() else { return notifyIfNeeded() }
            do throws(ChainError) {
                push(chain, written: try answer(chain))
            } catch {
                return fail("queue \(index): \(error)")
            }
        }
        notifyIfNeeded()
        if hasAvailable { repeatNotification() }
    }

    /// Interrupts the driver where it wants to hear of what was pushed. Once after a batch.
    public func notifyIfNeeded() {
        guard !isStopped, virtqueue.shouldNotify(in: memory) else { return }
        driver?.notifyUsedBuffers()
    }

    /// Asks for another `handleNotification` when others have had their turn: for a device that has done as much as
    /// it does in one go, and left chains in the queue.
    public func repeatNotification() {
        guard !isStopped else { return }
        driver?.repeatNotification(queue: index)
    }

    /// The driver put something into this queue that the device's protocol forbids.
    public func fail(_ reason: String) {
        guard !isStopped else { return }
        isStopped = true
        driver?.reportProtocolViolation(reason)
    }

    /// Ends the queue: the device needs a reset.
    func stop() { isStopped = true }
}
