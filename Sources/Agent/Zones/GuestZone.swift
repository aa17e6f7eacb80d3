import Geometry

/// A zone's memory blocks, as the kernel's events report them.
final class GuestZone {
    let description: MachineTree.Zone
    let blockSize: UInt64
    /// The number of its first memory block, the N of /sys/devices/system/memory/memoryN.
    let firstBlock: UInt64
    private var online: [Bool]
    private var waiters: [ZoneWaiter] = []
    /// The container that is in it.
    var container: ContainerNumber?

    /// - Parameter isEmpty: none of its blocks is online, which is known by then: a zone may have many.
    init(_ description: MachineTree.Zone, blockSize: UInt64, isEmpty: Bool) {
        self.description = description
        self.blockSize = blockSize
        firstBlock = description.base / blockSize
        online = [Bool](repeating: false, count: Int(description.sizeInBytes / blockSize))
        if !isEmpty { scan() }
    }

    var blocks: Range<UInt64> { firstBlock..<(firstBlock + UInt64(online.count)) }
    var onlineBlocks: [UInt64] { online.indices.filter { online[$0] }.map { firstBlock + UInt64($0) } }
    /// What is online from its base on, up to the first block that is not.
    var contiguousBytes: UInt64 { UInt64(online.prefix { $0 }.count) * blockSize }
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

    /// Calls the waiter, maybe at once, when as much as it wants from the zone's base on is online, or with a failure
    /// when its time is up.
    func add(_ waiter: ZoneWaiter, loop: PollLoop) {
        guard waiter.bytes % blockSize == 0, waiter.bytes <= description.sizeInBytes else {
            let size = description.sizeInBytes
            let text = "take \(waiter.bytes) bytes of node \(description.node) online, which has \(size)"
            return waiter.action(Failure(code: ErrorNumber.invalid, step: .zoneOnline, text: text))
        }
        if isOnline(waiter.bytes) { return waiter.action(nil) }
        self.loop = loop
        waiters.append(waiter)
        waiter.deadline = loop.after(milliseconds: waiter.timeout) { [self] in
            waiters.removeAll { $0 === waiter }
            let text = "wait for node \(description.node): \(onlineBytes) of \(waiter.bytes) bytes are online"
            waiter.action(Failure(code: ErrorNumber.timedOut, step: .zoneOnline, text: text))
        }
    }

    private func isOnline(_ bytes: UInt64) -> Bool { online.prefix(Int(bytes / blockSize)).allSatisfy { $0 } }

    private var loop: PollLoop?

    private func callWaiters() {
        guard let loop else { return }
        let ready = waiters.filter { isOnline($0.bytes) }
        waiters.removeAll { isOnline($0.bytes) }
        for waiter in ready {
            if let deadline = waiter.deadline { loop.cancel(deadline) }
            waiter.action(nil)
        }
    }
}

/// Waits for memory of a zone to come online.
final class ZoneWaiter {
    /// From the zone's base on.
    let bytes: UInt64
    /// In milliseconds.
    let timeout: UInt32
    /// Called once: with nil when all is online, else with the reason.
    let action: (Failure?) -> Void
    fileprivate var deadline: PollLoop.Deadline?

    init(bytes: UInt64, timeout: UInt32, _ action: @escaping (Failure?) -> Void) {
        self.bytes = bytes
        self.timeout = timeout
        self.action = action
    }
}
