import LinuxSystem
import Memory
import SystemPackage

/// From the guest to the host.
extension VsockDevice {
    /// Takes the packets that the guest has sent.
    func takePackets() {
        guard let queue = transmitQueue else { return }
        for _ in 0..<Self.packetsPerTurn {
            guard let chain = queue.pop() else { break }
            var reader = ChainReader(chain, in: queue.memory)
            do throws(ChainError) {
                let header = try VsockHeader(reading: &reader)
                try take(header, &reader, queue.memory)
            } catch {
                return queue.fail("vsock packet: \(error)")
            }
            queue.push(chain)
        }
        queue.notifyIfNeeded()
        pump()
        if queue.hasAvailable { queue.repeatNotification() }
    }

    private func take(_ header: VsockHeader, _ reader: inout ChainReader, _ memory: GuestMemory) throws(ChainError) {
        // A packet with false addresses gets no answer: there is nobody to send it to.
        guard header.sourceContext == guestContext, header.destinationContext == Self.hostContext else { return }
        let id = VsockConnectionID(hostPort: header.destinationPort, guestPort: header.sourcePort)
        guard header.type == VsockHeader.streamType, let operation = VsockOperation(rawValue: header.operation) else {
            return refuse(id)
        }
        if operation == .request { return accept(id, header) }
        guard let connection = connections[id], !connection.guestIsGone else {
            if operation != .reset { refuse(id) }
            return
        }
        connection.updateCredit(header)
        switch operation {
        case .response: establish(connection)
        case .reset: loseGuest(connection)
        case .shutdown: shutDown(connection, VsockShutdown(rawValue: header.flags))
        case .readWrite:
            guard Int(header.length) <= reader.remaining else {
                throw .tooShort(wanted: Int(header.length), remaining: reader.remaining)
            }
            do {
                try forward(Int(header.length), &reader, memory, connection)
            } catch {
                // A program may have chosen the buffer: its stream ends, the others go on.
                return breakOff(connection)
            }
        case .creditRequest: owe(.creditUpdate, connection)
        case .creditUpdate, .request: break
        }
        updateInterest(connection)
    }

    /// §5.10.6.4: a request is answered with a response or a reset.
    private func accept(_ id: VsockConnectionID, _ header: VsockHeader) {
        guard connections[id] == nil, connections.count < Self.maxConnections, let descriptor = hostEnd(for: id),
            (try? descriptor.setNonBlocking()) != nil
        else { return refuse(id) }
        let connection = VsockConnection(id, descriptor: descriptor, isEstablished: true)
        connection.updateCredit(header)
        connections[id] = connection
        owe(.response, connection)
        updateInterest(connection)
    }

    private func establish(_ connection: VsockConnection) {
        guard !connection.isEstablished, !connection.due.contains(.request) else { return breakOff(connection) }
        connection.isEstablished = true
    }

    /// Bytes for the host: to the descriptor as far as it takes them, the rest kept.
    private func forward(
        _ count: Int, _ reader: inout ChainReader, _ memory: GuestMemory, _ connection: VsockConnection
    ) throws(ChainError) {
        // More than it has credit for, or after it said that there is no more: the guest broke its own connection.
        guard connection.isEstablished, !connection.guestWillNotSend, count <= connection.room else {
            return breakOff(connection)
        }
        var taken = 0
        if connection.pending.isEmpty {
            switch try send(reader.ranges(atMost: count), memory, connection.descriptor) {
            case .took(let some): taken = some
            case .blocked: break
            case .broken: return breakOff(connection)
            }
            reader.advance(by: taken)
            connection.countForwarded(taken)
        }
        if taken < count { connection.keep(try reader.readBytes(count - taken)) }
        if connection.announcementIsDue { owe(.creditUpdate, connection) }
    }

    private enum Sending {
        case took(Int)
        case blocked
        case broken
    }

    private func send(
        _ ranges: [GuestRange], _ memory: GuestMemory, _ descriptor: OwnedDescriptor
    ) throws(ChainError) -> Sending {
        guard !ranges.isEmpty else { return .took(0) }
        do throws(GuestMemoryError) {
            return .took(try memory.write(ranges, to: descriptor))
        } catch {
            guard case .transferFailed(let cause) = error else { throw .memory(error) }
            return cause.errno == .resourceTemporarilyUnavailable || cause.errno == .interrupted ? .blocked : .broken
        }
    }

    /// The descriptor takes bytes again.
    func flush(_ connection: VsockConnection) {
        do {
            let count = try connection.descriptor.write(some: connection.pending)
            connection.dropPending(count)
            connection.countForwarded(count)
        } catch {
            if error.errno != .resourceTemporarilyUnavailable { return breakOff(connection) }
        }
        if connection.announcementIsDue || connection.pending.isEmpty { owe(.creditUpdate, connection) }
        if connection.pending.isEmpty { finishIfEnded(connection) }
        noteOutput()
    }

    private func shutDown(_ connection: VsockConnection, _ how: VsockShutdown) {
        if how.contains(.willNotSend) { connection.guestWillNotSend = true }
        if how.contains(.willNotReceive) { connection.guestWillNotReceive = true }
        if connection.pending.isEmpty { finishIfEnded(connection) }
    }

    /// Passes an end on once everything before it is out.
    func finishIfEnded(_ connection: VsockConnection) {
        guard connection.guestWillNotSend || connection.guestIsGone else { return }
        connection.descriptor.endWriting()
        if connection.guestIsGone {
            drop(connection)
        } else if connection.guestWillNotReceive || connection.hostHasEnded {
            // Both directions are over: the reset is the answer that the guest waits for (§5.10.6.6).
            breakOff(connection)
        }
    }

    private func loseGuest(_ connection: VsockConnection) {
        connection.guestIsGone = true
        connection.due = []
        if connection.pending.isEmpty { finishIfEnded(connection) }
    }
}
