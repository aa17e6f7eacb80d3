public import Devices
import Geometry
import Memory
public import Zones

/// Why the host's wish for a zone's size cannot be.
public enum MemoryDeviceError: Error, Equatable, Sendable, CustomStringConvertible {
    /// No whole blocks, or more than the zone.
    case size(UInt64, zoneSizeInBytes: UInt64)

    public var description: String {
        switch self {
        case .size(let size, let most): "\(size) bytes of a zone, expected a multiple of 128 MiB from 0 to \(most)"
        }
    }
}

/// The memory of one zone (virtio 1.2 §5.15): the host says how much the guest shall have, the guest plugs and unplugs
/// blocks of 128 MiB.
///
/// The guest can have less than it is asked to, never more, and nothing outside of its zone. A block that is not plugged
/// is not mapped, so UNPLUGGED_INACCESSIBLE is a fact and not a request. Protected by the device lock.
public final class MemoryDevice: VirtioDevice {
    /// VIRTIO_MEM_F_ACPI_PXM: `node_id` says which node the memory belongs to.
    static let nodeFeature: UInt64 = 1 << 0
    /// VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE
    static let inaccessibleFeature: UInt64 = 1 << 1
    /// Linux has one request under way; a hostile guest costs this much before others have their turn.
    static let requestsPerTurn = 4

    /// The zone whose memory it is. Immutable.
    public let zone: Zone
    private let backing: any ZoneBacking
    /// Learns what becomes of the memory; set before the machine runs.
    public weak var observer: (any ZoneMemoryObserver)?

    private var blocks: BlockMap
    /// What the guest shall have.
    public private(set) var requestedSizeInBytes: UInt64 = 0

    private var queue: DeviceQueue?
    private weak var driver: (any DriverNotifier)?

    /// A device with nothing plugged and nothing requested.
    public init(zone: Zone, backing: any ZoneBacking, observer: (any ZoneMemoryObserver)? = nil) {
        self.zone = zone
        self.backing = backing
        self.observer = observer
        blocks = BlockMap(zone)
    }

    /// What the guest has.
    public var pluggedSizeInBytes: UInt64 { blocks.pluggedSizeInBytes }

    /// The device ID of §5.15.1.
    public var type: DeviceType { .memory }
    public var offeredFeatures: UInt64 { Self.nodeFeature | Self.inaccessibleFeature }
    public var requiredFeatures: UInt64 { Self.inaccessibleFeature }
    public var queueSizes: [UInt16] { [8] }

    /// §5.15.4: block_size, node_id, padding, addr, region_size, usable_region_size, plugged_size, requested_size. All
    /// of the region is usable: it is the zone's alone.
    public var configuration: [UInt8] {
        var writer = StateWriter()
        writer.write(ZoneGeometry.blockSizeInBytes)
        writer.write(UInt64(zone.node))
        writer.write(zone.range.start.rawValue)
        writer.write(zone.sizeInBytes)
        writer.write(zone.sizeInBytes)
        writer.write(pluggedSizeInBytes)
        writer.write(requestedSizeInBytes)
        return writer.bytes
    }

    /// How much the guest will write at once to the zone's first block, in bytes: for the next time that it is plugged.
    public func expect(writtenBytes: UInt64) { backing.expect(writtenBytes: writtenBytes) }

    public func activate(_ activation: Activation) {
        queue = activation.queues[0]
        driver = activation.driver
    }

    /// §5.15.5.2: the blocks stay as they are; the driver asks for their state, or unplugs them all.
    public func reset() { (queue, driver) = (nil, nil) }

    public func handleNotification(queue index: Int) {
        guard let queue else { return }
        queue.serve(atMost: Self.requestsPerTurn) { chain throws(ChainError) in try answer(chain, in: queue.memory) }
    }

    private func answer(_ chain: DescriptorChain, in memory: GuestMemory) throws(ChainError) -> UInt32 {
        var reader = ChainReader(chain, in: memory)
        var writer = ChainWriter(chain, in: memory)
        let request = try MemoryRequest(from: &reader)
        // Before anything is done: a request that cannot be answered must have no effect.
        guard writer.remaining >= MemoryResponse.sizeInBytes else {
            throw .tooShort(wanted: MemoryResponse.sizeInBytes, remaining: writer.remaining)
        }
        let before = pluggedSizeInBytes
        let response = handle(request)
        if pluggedSizeInBytes != before { observer?.zone(zone, pluggedSizeIs: pluggedSizeInBytes) }
        try writer.write(response.bytes)
        return writer.written
    }

    private func handle(_ request: MemoryRequest) -> MemoryResponse {
        switch request {
        case .plug(let address, let count):
            guard let wanted = blocks.blocks(at: address, count: count) else { return .error }
            guard blocks.content(of: wanted) == .unplugged else { return .error }
            // §5.15: not more than requested; written so that nothing overflows.
            let room = requestedSizeInBytes - min(requestedSizeInBytes, pluggedSizeInBytes)
            guard UInt64(wanted.count) <= room / ZoneGeometry.blockSizeInBytes else { return .refused }
            return change(wanted, toPlugged: true)
        case .unplug(let address, let count):
            // What is the guest's it may give back, whether it was asked to or not.
            guard let wanted = blocks.blocks(at: address, count: count), blocks.content(of: wanted) == .plugged else {
                return .error
            }
            return change(wanted, toPlugged: false)
        case .unplugAll:
            return unplugAll()
        case .state(let address, let count):
            guard let wanted = blocks.blocks(at: address, count: count) else { return .error }
            return .state(blocks.content(of: wanted))
        case .unknown:
            return .error
        }
    }

    /// Changes all of the blocks, or none.
    private func change(_ wanted: Range<Int>, toPlugged plugged: Bool) -> MemoryResponse {
        for block in wanted {
            do {
                try change(block, toPlugged: plugged)
            } catch {
                observer?.zone(zone, failed: error)
                return takeBack(wanted.lowerBound..<block, toPlugged: !plugged)
            }
        }
        return .acknowledged
    }

    /// Undoes the part of a request that worked. A block that was unplugged and plugged again has lost what it held;
    /// the guest had given it up.
    private func takeBack(_ done: Range<Int>, toPlugged plugged: Bool) -> MemoryResponse {
        do {
            for block in done { try change(block, toPlugged: plugged) }
            return .busy
        } catch {
            // The map says what is so, and the guest can ask for it.
            observer?.zone(zone, failed: error)
            return .error
        }
    }

    private func change(_ block: Int, toPlugged plugged: Bool) throws {
        let range = blocks.range(of: block)
        if plugged { try backing.plug(range) } else { try backing.unplug(range) }
        blocks.set(block, isPlugged: plugged)
    }

    /// As many blocks as can be: a block that stays is still the guest's.
    private func unplugAll() -> MemoryResponse {
        var response = MemoryResponse.acknowledged
        for block in blocks.isPlugged.indices where blocks.isPlugged[block] {
            do {
                try change(block, toPlugged: false)
            } catch {
                observer?.zone(zone, failed: error)
                response = .busy
            }
        }
        return response
    }

    // MARK: The host's side

    /// Asks the guest to have this much, a multiple of 128 MiB from 0 to the zone's size.
    public func request(sizeInBytes: UInt64) throws(MemoryDeviceError) {
        guard sizeInBytes <= zone.sizeInBytes, sizeInBytes % ZoneGeometry.blockSizeInBytes == 0 else {
            throw .size(sizeInBytes, zoneSizeInBytes: zone.sizeInBytes)
        }
        guard sizeInBytes != requestedSizeInBytes else { return }
        requestedSizeInBytes = sizeInBytes
        driver?.notifyConfigurationChange()
    }

    public func save(to writer: inout StateWriter) {
        writer.write(requestedSizeInBytes)
        writer.write(blocks.isPlugged.map { UInt8($0 ? 1 : 0) })
    }

    /// Plugs what was plugged, by the backing, which shows the saved memory.
    public func restore(from reader: inout StateReader) throws(StateError) {
        let requested: UInt64 = try reader.read()
        let plugged = try reader.readBytes()
        guard requested <= zone.sizeInBytes, requested % ZoneGeometry.blockSizeInBytes == 0 else {
            throw .invalid("\(requested) bytes requested of \(zone)")
        }
        guard plugged.count == zone.blockCount, plugged.allSatisfy({ $0 <= 1 }) else {
            throw .invalid("a map of \(plugged.count) blocks, expected \(zone.blockCount) of 0 or 1")
        }
        guard pluggedSizeInBytes == 0 else { throw .invalid("\(zone) has memory before it is restored") }
        requestedSizeInBytes = requested
        for block in plugged.indices where plugged[block] == 1 {
            do {
                try change(block, toPlugged: true)
            } catch {
                _ = unplugAll()
                throw .invalid("block \(block) of \(zone) cannot be plugged: \(error)")
            }
        }
    }
}
