import LinuxSystem
import Memory
import SystemPackage

/// From the ports to the guest.
extension NetworkDevice {
    // MARK: Watching

    func watchPorts() {
        for port in ports.values { watch(port) }
    }

    /// Waits for a port's frames, where the driver has buffers for them.
    func watch(_ port: NetworkPort) {
        guard !port.isWatched, !port.isDetached, heldSize == nil, let queue = receiveQueue, queue.hasAvailable else {
            return
        }
        let added: Void? = try? loop.add(port.tap, for: .readable) { [weak self, weak port] ready in
            guard let self, let port else { return }
            receive(from: port, ready)
        }
        if added == nil { port.isDetached = true } else { port.isWatched = true }
    }

    func unwatch(_ port: NetworkPort) {
        guard port.isWatched else { return }
        port.isWatched = false
        loop.remove(port.tap)
    }

    /// The driver has given buffers: what waits for them comes first.
    func buffersCame() {
        guard let queue = receiveQueue else { return }
        guard !isMoving else { return queue.repeatNotification() }
        if let size = heldSize {
            heldSize = nil
            deliver(size, from: heldPort, to: queue)
            queue.notifyIfNeeded()
        }
        watchPorts()
    }

    // MARK: Receiving

    private func receive(from port: NetworkPort, _ ready: Readiness) {
        // What another thread has under way ends soon, and the tap is as ready as it was.
        guard let queue = receiveQueue, !isMoving else { return }
        for _ in 0..<Self.framesPerTurn {
            guard heldSize == nil, queue.hasAvailable else {
                // The frames wait in their taps, as many as those keep.
                for other in ports.values { unwatch(other) }
                break
            }
            // While the frame was on its way the port may have been taken away, and the device reset.
            guard takeFrame(from: port, ready, to: queue), receiveQueue === queue, ports[port.number] === port else {
                break
            }
        }
        if receiveQueue === queue { queue.notifyIfNeeded() }
    }

    /// Takes a frame to the driver; false where there is none. Where the driver's buffers have room for any, it is read
    /// straight into them, else into `frame`.
    private func takeFrame(from port: NetworkPort, _ ready: Readiness, to queue: DeviceQueue) -> Bool {
        guard features & Feature.mergeableBuffers != 0, prepareBuffers(queue) else {
            buffers.forget()
            guard let size = readFrame(from: port, ready) else { return false }
            if size > 0 { deliver(size, from: port, to: queue) }
            return true
        }
        guard let outcome = move({ () throws(SystemError) in try transfer.read(from: port.tap) }) else { return false }
        let count: Int
        switch outcome {
        case .success(let bytes): count = bytes
        case .failure(let error) where error.errno == .badAddress:
            // Memory that the guest has unplugged under its own buffers: the frame is lost.
            counters.undeliverable += 1
            return true
        case .failure(let error):
            judge(error, port, ready)
            return false
        }
        guard count > 0 else {
            detach(port)
            return false
        }
        // One that fills all that was offered was cut.
        guard count < PacketHeader.sizeInBytes + NetworkFrame.addressesSize + transfer.guestBytes else {
            counters.undeliverable += 1
            return true
        }
        if let prefix = prefix(transfer.headBytes, count, for: port) { give(prefix, count, from: port, queue) }
        return true
    }

    /// What comes before the frame's type: read apart, as the tag has its place behind it.
    private static let headSize = PacketHeader.sizeInBytes + NetworkFrame.addressesSize
    private static let prefixSize = headSize + NetworkFrame.tagSize
    /// With header and tag, and a byte more, by which a frame that is too large is known.
    private static let roomForAny = PacketHeader.sizeInBytes + NetworkFrame.tagSize + NetworkFrame.maxBytes + 1

    /// Has the next read fill the driver's buffers, but for the prefix. False where they have no room for any frame, or are
    /// not what a driver gives.
    private func prepareBuffers(_ queue: DeviceQueue) -> Bool {
        guard buffers.fill(upTo: UInt64(Self.roomForAny), from: queue),
            let first = buffers.chains.first?.writable.first, first.sizeInBytes > UInt64(Self.prefixSize)
        else { return false }
        transfer.begin(headOf: Self.headSize)
        var skipped = UInt64(Self.prefixSize)
        for chain in buffers.chains {
            for range in chain.writable {
                guard let start = range.start.advanced(by: skipped),
                    let part = GuestRange(start: start, sizeInBytes: range.sizeInBytes - skipped),
                    (try? transfer.append(writable: part, in: queue.memory)) == true
                else { return false }
                skipped = 0
            }
        }
        return true
    }

    /// Completes a frame that lies in the driver's buffers, and gives it to the driver.
    private func give(_ prefix: PacketPrefix, _ count: Int, from port: NetworkPort, _ queue: DeviceQueue) {
        guard let start = buffers.chains.first?.writable.first?.start else { return }
        let size = count + NetworkFrame.tagSize
        let parts = buffers.take(UInt64(size), from: queue)
        do {
            try queue.memory.write(prefix.bytes(bufferCount: UInt16(parts.count)), at: start)
        } catch {
            // The memory has gone: the driver drops what has no length.
            queue.push(parts.map { ($0.chain, 0) })
            return counters.undeliverable += 1
        }
        queue.push(parts)
        note(size, from: port)
    }

    /// Reads a frame into `frame` and tags it; its size with header and tag, 0 where it is not for the guest, nil where
    /// there is none.
    private func readFrame(from port: NetworkPort, _ ready: Readiness) -> Int? {
        // Header and addresses move to the front afterwards, so that the tag has its place behind them.
        let first = NetworkFrame.tagSize
        let room = frame.count - first
        let count: Int
        do throws(SystemError) {
            count = try port.tap.read(into: &frame, from: first)
        } catch {
            judge(error, port, ready)
            return nil
        }
        guard count > 0 else {
            detach(port)
            return nil
        }
        guard count < room else {
            counters.undeliverable += 1
            return 0
        }
        guard let prefix = prefix(Array(frame[first..<first + min(count, Self.headSize)]), count, for: port) else {
            return 0
        }
        frame.replaceSubrange(0..<Self.prefixSize, with: prefix.bytes(bufferCount: 1))
        return count + NetworkFrame.tagSize
    }

    /// A read that failed: nothing was there, or the tap is none any more.
    private func judge(_ error: SystemError, _ port: NetworkPort, _ ready: Readiness) {
        let isOver = error.errno != .resourceTemporarilyUnavailable && error.errno != .interrupted
        if isOver || ready.contains(.hungUp) { detach(port) }
    }

    /// What the driver gets in front of a frame of so many bytes with its header; nil, and counted, where the frame is not
    /// for the guest.
    private func prefix(_ head: [UInt8], _ count: Int, for port: NetworkPort) -> PacketPrefix? {
        guard count >= PacketHeader.sizeInBytes + NetworkFrame.headerSize, head.count == Self.headSize else {
            counters.undeliverable += 1
            return nil
        }
        let addresses = head[PacketHeader.sizeInBytes...]
        let destination = EthernetAddress(addresses)
        guard destination.isGroup || destination == port.address else {
            counters.misdirected += 1
            return nil
        }
        guard let header = PacketHeader(head[...]), canTake(header),
            let shifted = header.shifted(by: NetworkFrame.tagSize)
        else {
            counters.undeliverable += 1
            return nil
        }
        return PacketPrefix(header: shifted, addresses: addresses, port: port.number)
    }

    /// Whether the driver has said that it understands this.
    private func canTake(_ header: PacketHeader) -> Bool {
        if !header.flags.isEmpty, features & Feature.guestChecksum == 0 { return false }
        return switch header.segmentation {
        case .none: true
        case .tcp4: features & Feature.guestTCP4 != 0
        case .tcp6: features & Feature.guestTCP6 != 0
        }
    }

    /// The port's interface has gone, or its descriptor is no tap's: an end that is watched on would spin.
    private func detach(_ port: NetworkPort) {
        unwatch(port)
        port.isDetached = true
    }

    // MARK: The driver's buffers

    /// Gives the frame to the driver, or holds it until there are buffers enough.
    private func deliver(_ size: Int, from port: NetworkPort?, to queue: DeviceQueue) {
        buffers.forget()
        let mayMerge = features & Feature.mergeableBuffers != 0
        var chains: [DescriptorChain] = []
        var room: UInt64 = 0
        while room < UInt64(size) {
            guard chains.count < (mayMerge ? Int(queue.size) : 1), let chain = queue.pop() else {
                heldPort = port
                return giveUp(chains, size, queue, mayMerge: mayMerge)
            }
            // A buffer without room would let the driver have one frame in endless parts (§5.1.6.3.2).
            guard chain.writableSizeInBytes > 0 else { return queue.fail("a network buffer without room") }
            chains.append(chain)
            room += chain.writableSizeInBytes
        }
        fill(chains, size, from: port, queue)
    }

    private func giveUp(_ chains: [DescriptorChain], _ size: Int, _ queue: DeviceQueue, mayMerge: Bool) {
        guard mayMerge, chains.count < queue.size else {
            // All that a driver has, or the one buffer of a frame, is too little: the frame is lost, not the buffers.
            for chain in chains { queue.push(chain) }
            return counters.undeliverable += 1
        }
        for _ in chains { queue.putBack() }
        heldSize = size
    }

    private func fill(
        _ chains: [DescriptorChain], _ size: Int, from port: NetworkPort?, _ queue: DeviceQueue
    ) {
        frame.replaceSubrange(
            PacketHeader.sizeInBytes - 2..<PacketHeader.sizeInBytes,
            with: UInt16(truncatingIfNeeded: chains.count).littleEndianBytes)
        var rest = frame.prefix(size)
        var isLost = false
        var parts: [(chain: DescriptorChain, written: UInt32)] = []
        for chain in chains {
            var writer = ChainWriter(chain, in: queue.memory)
            let part = rest.prefix(writer.remaining)
            do throws(ChainError) {
                try writer.write(part)
            } catch {
                // The driver drops what has no length; the rest of the frame goes the same way.
                isLost = true
            }
            parts.append((chain, isLost ? 0 : writer.written))
            rest = rest.dropFirst(part.count)
        }
        queue.push(parts)
        guard !isLost else { return counters.undeliverable += 1 }
        note(size, from: port)
    }

    /// A frame has reached the driver, of so many bytes with header and tag.
    private func note(_ size: Int, from port: NetworkPort?) {
        counters.received += 1
        let frameSize = size - PacketHeader.sizeInBytes - NetworkFrame.tagSize
        port?.traffic.noteReceived(frameSize)
        traffic.noteReceived(frameSize)
    }
}
