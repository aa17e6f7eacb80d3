import LinuxSystem
import Memory
import SystemPackage

/// From the host to the guest.
extension VsockDevice {
    /// Notes a packet without payload that the guest must get.
    func owe(_ packet: DuePackets, _ connection: VsockConnection) {
        guard !connection.guestIsGone else { return }
        if connection.due.isEmpty { owing.append(connection.id) }
        connection.due.insert(packet)
    }

    /// Ends a connection: the guest gets a reset, the host's end is closed.
    func breakOff(_ connection: VsockConnection) {
        refuse(connection.id)
        drop(connection)
    }

    func drop(_ connection: VsockConnection) {
        loop.remove(connection.descriptor)
        starved.remove(connection.id)
        connections[connection.id] = nil
        noteOutput()
    }

    /// Answers a packet that belongs to no connection.
    func refuse(_ id: VsockConnectionID) {
        guard strayResets.count < Self.maxStrayResets else { return }
        strayResets.append(header(.reset, id))
    }

    /// Sends what is owed, as far as the guest has buffers.
    func pump() {
        guard let queue = receiveQueue else { return }
        defer { queue.notifyIfNeeded() }
        while !strayResets.isEmpty {
            guard send(strayResets[0], queue) else { return }
            strayResets.removeFirst()
        }
        while let id = owing.first {
            guard let connection = connections[id], !connection.due.isEmpty else {
                owing.removeFirst()
                continue
            }
            guard sendNextDue(connection, queue) else { return }
            if connection.due.isEmpty {
                owing.removeFirst()
                updateInterest(connection)
            }
        }
    }

    /// False where the guest has no buffer.
    private func sendNextDue(_ connection: VsockConnection, _ queue: DeviceQueue) -> Bool {
        let order: [(DuePackets, VsockOperation, VsockShutdown)] = [
            (.request, .request, []), (.response, .response, []), (.creditUpdate, .creditUpdate, []),
            (.shutdown, .shutdown, .willNotSend),
        ]
        for (packet, operation, flags) in order where connection.due.contains(packet) {
            guard send(header(operation, connection.id, connection, flags), queue) else { return false }
            connection.due.remove(packet)
            return true
        }
        connection.due = []
        return true
    }

    private func header(
        _ operation: VsockOperation, _ id: VsockConnectionID, _ connection: VsockConnection? = nil,
        _ flags: VsockShutdown = [], length: Int = 0
    ) -> VsockHeader {
        var header = VsockHeader()
        header.sourceContext = Self.hostContext
        header.destinationContext = guestContext
        header.sourcePort = id.hostPort
        header.destinationPort = id.guestPort
        header.operation = operation.rawValue
        header.flags = flags.rawValue
        header.length = UInt32(length)
        if let connection {
            header.bufferAllocated = VsockConnection.bufferSize
            header.forwardedCount = connection.forwarded
            connection.noteAnnouncement()
        }
        return header
    }

    /// Sends a packet without payload; false where the guest has no buffer for it.
    private func send(_ header: VsockHeader, _ queue: DeviceQueue) -> Bool {
        guard let chain = queue.pop() else { return false }
        var writer = ChainWriter(chain, in: queue.memory)
        do throws(ChainError) { try header.write(to: &writer) } catch {
            queue.fail("vsock buffer: \(error)")
            return false
        }
        queue.push(chain, written: writer.written)
        return true
    }

    // MARK: Descriptors

    /// Watches the connection's descriptor for what can be done with it now, and for nothing else: an end that is
    /// reported but cannot be handled would keep the event thread spinning.
    func updateInterest(_ connection: VsockConnection) {
        guard connections[connection.id] === connection else { return }
        var interest: Readiness = []
        if connection.wantsInput && !starved.contains(connection.id) { interest.insert(.readable) }
        if connection.wantsOutput { interest.insert(.writable) }
        guard interest != connection.watched else { return }
        if interest.isEmpty {
            loop.remove(connection.descriptor)
        } else if connection.watched.isEmpty {
            let added: Void? = try? loop.add(connection.descriptor, for: interest) {
                [weak self, weak connection] ready in
                guard let self, let connection else { return }
                handle(ready, connection)
            }
            guard added != nil else { return breakOff(connection) }
        } else {
            guard (try? loop.modify(connection.descriptor, for: interest)) != nil else { return breakOff(connection) }
        }
        connection.watched = interest
    }

    private func handle(_ ready: Readiness, _ connection: VsockConnection) {
        guard connections[connection.id] === connection else { return }
        if connection.wantsOutput, !ready.isDisjoint(with: [.writable, .hungUp]) { flush(connection) }
        if connection.wantsInput, !ready.isDisjoint(with: [.readable, .hungUp]) { takeInput(connection) }
        pump()
        updateInterest(connection)
    }

    /// The guest has buffers again.
    func feedStarved() {
        pump()
        guard let queue = receiveQueue, queue.hasAvailable else { return }
        let waiting = starved
        starved = []
        for id in waiting {
            if let connection = connections[id] { updateInterest(connection) }
        }
    }

    /// Moves bytes from the descriptor into the guest's buffers.
    private func takeInput(_ connection: VsockConnection) {
        guard let queue = receiveQueue else { return }
        defer { queue.notifyIfNeeded() }
        for _ in 0..<Self.packetsPerTurn where connection.wantsInput {
            guard let chain = queue.pop() else {
                starved.insert(connection.id)
                return
            }
            switch fill(chain, queue, connection) {
            case .sent(let written): queue.push(chain, written: written)
            case .nothingNow: return queue.putBack()
            case .ended:
                queue.putBack()
                return endInput(connection)
            case .broken:
                queue.putBack()
                return breakOff(connection)
            case .fault(let reason): return queue.fail(reason)
            }
        }
    }

    private enum Filling {
        case sent(UInt32)
        case nothingNow
        case ended
        case broken
        case fault(String)
    }

    private func fill(_ chain: DescriptorChain, _ queue: DeviceQueue, _ connection: VsockConnection) -> Filling {
        var writer = ChainWriter(chain, in: queue.memory)
        guard writer.remaining > VsockHeader.sizeInBytes else { return .fault("vsock buffer without room for payload") }
        writer.advance(by: VsockHeader.sizeInBytes)
        do {
            let ranges = writer.ranges(atMost: min(connection.credit, Self.maxPayload))
            let count = try queue.memory.read(from: connection.descriptor, into: ranges)
            guard count > 0 else { return .ended }
            var front = ChainWriter(chain, in: queue.memory)
            try header(.readWrite, connection.id, connection, length: count).write(to: &front)
            connection.countSent(count)
            return .sent(UInt32(VsockHeader.sizeInBytes + count))
        } catch GuestMemoryError.transferFailed(let cause) {
            return cause.errno == .resourceTemporarilyUnavailable || cause.errno == .interrupted ? .nothingNow : .broken
        } catch {
            return .fault("vsock buffer: \(error)")
        }
    }

    private func endInput(_ connection: VsockConnection) {
        connection.hostHasEnded = true
        if connection.guestWillNotSend && connection.pending.isEmpty {
            breakOff(connection)
        } else {
            owe(.shutdown, connection)
        }
    }
}
