import LinuxSystem
import Memory

/// From the guest to the ports.
extension NetworkDevice {
    func transmit() {
        guard let queue = transmitQueue else { return }
        guard !isMoving else { return queue.repeatNotification() }
        for _ in 0..<Self.framesPerTurn {
            guard let chain = queue.pop() else { return queue.notifyIfNeeded() }
            do {
                try transmit(chain, in: queue.memory)
            } catch {
                // A program may have chosen the buffer: its frame is lost, as any link loses some.
                refuse(\.malformed, "with a buffer that cannot be read")
            }
            // The driver has reset the device meanwhile.
            guard transmitQueue === queue else { return }
            queue.push(chain)
        }
        queue.notifyIfNeeded()
        if queue.hasAvailable { queue.repeatNotification() }
    }

    /// Header, addresses and tag are copied out and checked as the copy, which is what is sent; the rest goes from
    /// guest memory to the tap, and may change on its way as it likes.
    private func transmit(_ chain: DescriptorChain, in memory: GuestMemory) throws(ChainError) {
        let prefixSize = PacketHeader.sizeInBytes + NetworkFrame.addressesSize + NetworkFrame.tagSize
        var reader = ChainReader(chain, in: memory)
        let frameSize = reader.remaining - PacketHeader.sizeInBytes
        guard frameSize >= NetworkFrame.headerSize + NetworkFrame.tagSize,
            frameSize <= NetworkFrame.maxBytes + NetworkFrame.tagSize
        else { return refuse(\.malformed, "malformed") }
        let prefix = try reader.readBytes(prefixSize)
        guard let header = PacketHeader(prefix[...])?.shifted(by: -NetworkFrame.tagSize), accepts(header),
            header.isSound(forFrameOf: frameSize - NetworkFrame.tagSize)
        else { return refuse(\.malformed, "malformed") }
        let frame = NetworkFrame(prefix[PacketHeader.sizeInBytes...])
        guard let port = frame.port.flatMap({ ports[$0] }) else { return refuse(\.portless, "without a port's tag") }
        guard frame.source == port.address else { return refuse(\.spoofed, "from an address that is not its port's") }
        guard !port.isDetached else { return counters.refused += 1 }
        transfer.begin(header.bytes() + prefix[PacketHeader.sizeInBytes..<prefixSize - NetworkFrame.tagSize])
        do throws(GuestMemoryError) {
            for range in reader.ranges(atMost: reader.remaining) {
                // A frame in more pieces than one call takes is none that a driver sends.
                guard try transfer.append(readable: range, in: memory) else { return refuse(\.malformed, "malformed") }
            }
        } catch {
            throw .memory(error)
        }
        guard let outcome = move({ () throws(SystemError) in try transfer.write(to: port.tap) }) else { return }
        // A tap that takes nothing now, or never again, loses frames as any link does.
        guard case .success = outcome else { return counters.refused += 1 }
        counters.transmitted += 1
        port.traffic.noteTransmitted(frameSize - NetworkFrame.tagSize)
        traffic.noteTransmitted(frameSize - NetworkFrame.tagSize)
    }

    private func refuse(_ counter: WritableKeyPath<NetworkCounters, UInt64>, _ reason: String) {
        counters[keyPath: counter] &+= 1
        faultObserver?.networkRefusedFrame(reason)
    }

    /// Whether the driver may ask for this: it accepted the feature.
    private func accepts(_ header: PacketHeader) -> Bool {
        if header.flags.contains(.needsChecksum), features & Feature.checksum == 0 { return false }
        return switch header.segmentation {
        case .none: true
        case .tcp4: features & Feature.hostTCP4 != 0
        case .tcp6: features & Feature.hostTCP6 != 0
        }
    }
}
