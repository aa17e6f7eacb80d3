/// A zone's memory blocks, as the kernel's events tell of them.
final class Zone {
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
        let deadline: EventLoop.Deadline
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
        bytes: UInt64, timeout: UInt32, loop: EventLoop, _ action: @escaping (Failure?) -> Void
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

    private var loop: EventLoop?

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

/// All zones, kept up to date by the kernel's device events.
final class ZoneTable {
    private(set) var zones: [Zone] = []
    private let events: Descriptor
    /// Called after a block of a zone went online. Who takes one offline knows it by then.
    var wentOnline: ((Zone) -> Void)?
    private var buffer = [UInt8](repeating: 0, count: 4096)

    init(loop: EventLoop) throws(Failure) {
        events = Descriptor(taking: try check(Kernel.openDeviceEvents(), .request, "listen to device events"))
        loop.watch(events.rawValue, for: Ready.readable) { [self] _ in takeEvents() }
    }

    subscript(node: UInt32) -> Zone? { zones.first { $0.description.node == node } }

    func set(_ descriptions: [ZoneDescription]) throws(Failure) {
        let text = TextFile("/sys/devices/system/memory/block_size_bytes")
        let blockSize = TextFile.hexadecimal(in: text.bytes[...]).value
        guard descriptions.isEmpty || blockSize > 0 else {
            throw Failure(code: ErrorNumber.notSupported, step: .zoneOnline, text: "find the size of memory blocks")
        }
        for zone in descriptions where zone.base % blockSize != 0 || zone.sizeInBytes % blockSize != 0 {
            let text = "use zone \(zone.node) at \(zone.base) of \(zone.sizeInBytes) bytes: blocks have \(blockSize)"
            throw Failure(code: ErrorNumber.invalid, step: .zoneOnline, text: text)
        }
        zones = descriptions.map { Zone($0, blockSize: blockSize) }
    }

    /// Takes the events that are there. Called also before a zone's state is relied on: the host may know already what
    /// an event that still waits would tell.
    func takeEvents() {
        while true {
            let count = Kernel.read(events.rawValue, into: &buffer)
            if count == -Int(ErrorNumber.noBuffers) {
                for zone in zones { zone.scan() }
                continue
            }
            if count <= 0 { return }
            take(buffer[..<count])
        }
    }

    /// "online@/devices/system/memory/memory40", then properties.
    private func take(_ event: ArraySlice<UInt8>) {
        let isOnline = event.starts(with: "online@")
        guard isOnline || event.starts(with: "offline@") || event.starts(with: "remove@"),
            let at = event.firstIndex(of: UInt8(ascii: "@"))
        else { return }
        let path = event[(at + 1)...]
        let prefix: StaticString = "/devices/system/memory/memory"
        guard path.starts(with: prefix) else { return }
        let block = TextFile.number(in: path.dropFirst(prefix.utf8CodeUnitCount))
        for zone in zones where zone.blocks.contains(block) {
            zone.blockChanged(block, isOnline: isOnline)
            if isOnline { wentOnline?(zone) }
        }
    }
}
