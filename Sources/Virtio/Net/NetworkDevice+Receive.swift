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
        guard !port.isWatched, !port.isDead, heldSize == nil, let queue = receiveQueue, queue.hasAvailable else {
            return
        }
        let added: Void? = try? loop.add(port.tap, for: .readable) { [weak self, weak port] ready in
            guard let self, let port else { return }
            receive(from: port, ready)
        }
        if added == nil { port.isDead = true } else { port.isWatched = true }
    }

    func unwatch(_ port: NetworkPort) {
        guard port.isWatched else { return }
        port.isWatched = false
        loop.remove(port.tap)
    }

    /// The driver has given buffers: what waits for them comes first.
    func buffersCame() {
        guard let queue = receiveQueue else { return }
        if let size = heldSize {
            heldSize = nil
            deliver(size, from: heldPort, to: queue)
            queue.notifyIfNeeded()
        }
        watchPorts()
    }

    // MARK: Receiving

    private func receive(from port: NetworkPort, _ ready: Readiness) {
        guard let queue = receiveQueue else { return }
        defer { queue.notifyIfNeeded() }
        for _ in 0..<Self.framesPerTurn {
            guard heldSize == nil, queue.hasAvailable else {
                // The frames wait in their taps, as many as those keep.
                for other in ports.values { unwatch(other) }
                return
            }
            guard let size = takeFrame(from: port, ready) else { return }
            if size > 0 { deliver(size, from: port, to: queue) }
        }
    }

    /// Reads a frame into `frame` and tags it; its size with header and tag, 0 where it is not for the guest, nil where
    /// there is none.
    private func takeFrame(from port: NetworkPort, _ ready: Readiness) -> Int? {
        // Header and addresses move to the front afterwards, so that the tag has its place behind them.
        let room = frame.count - NetworkFrame.tagSize
        let count: Int
        do throws(SystemError) {
            count = try port.tap.read(into: &frame, from: NetworkFrame.tagSize)
        } catch {
            let isOver = error.errno != .resourceTemporarilyUnavailable && error.errno != .interrupted
            if isOver || ready.contains(.hungUp) { bury(port) }
            return nil
        }
        guard count > 0 else {
            bury(port)
            return nil
        }
        guard count >= PacketHeader.sizeInBytes + NetworkFrame.headerSize, count < room else {
            counters.undeliverable += 1
            return 0
        }
        return tag(count, for: port)
    }

    private func tag(_ count: Int, for port: NetworkPort) -> Int {
        let start = NetworkFrame.tagSize
        let addresses = start + PacketHeader.sizeInBytes
        let destination = EthernetAddress(frame[addresses...])
        guard destination.isGroup || destination == port.address else {
            counters.misdirected += 1
            return 0
        }
        guard let header = PacketHeader(frame[start...]), canTake(header),
            let shifted = header.shifted(by: NetworkFrame.tagSize)
        else {
            counters.undeliverable += 1
            return 0
        }
        let prefix =
            shifted.bytes(bufferCount: 1) + frame[addresses..<addresses + NetworkFrame.addressesSize]
            + NetworkFrame.tag(ofPort: port.number)
        frame.replaceSubrange(0..<prefix.count, with: prefix)
        return count + NetworkFrame.tagSize
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
    private func bury(_ port: NetworkPort) {
        unwatch(port)
        port.isDead = true
    }

    // MARK: The driver's buffers

    /// Gives the frame to the driver, or holds it until there are buffers enough.
    private func deliver(_ size: Int, from port: NetworkPort?, to queue: DeviceQueue) {
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
        for chain in chains {
            var writer = ChainWriter(chain, in: queue.memory)
            let part = rest.prefix(writer.remaining)
            do throws(ChainError) {
                try writer.write(part)
            } catch {
                // The driver drops what has no length; the rest of the frame goes the same way.
                isLost = true
            }
            queue.push(chain, written: isLost ? 0 : writer.written)
            rest = rest.dropFirst(part.count)
        }
        guard !isLost else { return counters.undeliverable += 1 }
        counters.received += 1
        let frameSize = size - PacketHeader.sizeInBytes - NetworkFrame.tagSize
        port?.traffic.noteReceived(frameSize)
        traffic.noteReceived(frameSize)
    }
}
