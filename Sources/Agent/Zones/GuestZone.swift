/// A zone's memory blocks, as the kernel's events tell of them.
final class GuestZone {
    let description: ZoneDescription
    private let blockSize: UInt64
    /// The number of its first memory block, the N of /sys/devices/system/memory/memoryN.
    let firstBlock: UInt64
    private var online: [Bool]
    private var waiters: [Waiter] = []
    /// The container that lives in it.
    var container: ContainerNumber?

    private struct Waiter {
        let number: UInt64
        let blocks: Int
        let deadline: PollLoop.Deadline
        let action: (Failure?) -> Void
    }
    private var lastWaiter: UInt64 = 0

    init(_ description: ZoneDescription, blockSize: UInt64) {
        self.description = description
        self.blockSize = blockSize
        firstBlock = description.base / blockSize
        online = [Bool](repeating: false, count: Int(description.sizeInBytes / blockSize))
        scan()
    }

    var blocks: Range<UInt64> { firstBlock..<(firstBlock + UInt64(online.count)) }
    var onlineBlocks: [UInt64] { online.indices.filter { online[$0] }.map { firstBlock + UInt64($0) } }
    var onlineBytes: UInt64 { UInt64(onlineBlocks.count) * blockSize }

    /// Reads every block's state anew: at the beginning, and after events were lost.
    func scan() {
        for index in online.indices {
            let path = "/sys/devices/system/memory/memory\(firstBlock + UInt64(index))/state"
            online[index] = TextFile(path).bytes[...].starts(with: "online")
        }
        callWaiters()
    }

    func blockChanged(_ block: UInt64, isOnline: Bool) {
        online[Int(block - firstBlock)] = isOnline
        if isOnline { callWaiters() }
    }

    /// Calls the action, maybe at once, when this much from the zone's base on is online, or with a failure when the
    /// time is up.
    func whenOnline(
        bytes: UInt64, timeout: UInt32, loop: PollLoop, _ action: @escaping (Failure?) -> Void
    ) {
        guard bytes % blockSize == 0, bytes <= description.sizeInBytes else {
            let text = "take \(bytes) bytes of node \(description.node) online, which has \(description.sizeInBytes)"
            return action(Failure(code: ErrorNumber.invalid, step: .zoneOnline, text: text))
        }
        let blocks = Int(bytes / blockSize)
        if online.prefix(blocks).allSatisfy({ $0 }) { return action(nil) }
        lastWaiter += 1
        let number = lastWaiter
        let deadline = loop.after(milliseconds: timeout) { [self] in
            waiters.removeAll { $0.number == number }
            let text = "wait for node \(description.node): \(onlineBytes) of \(bytes) bytes are online"
            action(Failure(code: ErrorNumber.timedOut, step: .zoneOnline, text: text))
        }
        self.loop = loop
        waiters.append(Waiter(number: number, blocks: blocks, deadline: deadline, action: action))
    }

    private var loop: PollLoop?

    private func callWaiters() {
        guard let loop else { return }
        let ready = waiters.filter { online.prefix($0.blocks).allSatisfy { $0 } }
        waiters.removeAll { waiter in ready.contains { $0.number == waiter.number } }
        for waiter in ready {
            loop.cancel(waiter.deadline)
            waiter.action(nil)
        }
    }
}
