import Geometry
import Memory
import Zones

/// A request of the memory device's driver (virtio 1.2 §5.15.6), copied out of guest memory and not yet judged.
enum MemoryRequest: Equatable {
    case plug(address: GuestAddress, blockCount: UInt16)
    case unplug(address: GuestAddress, blockCount: UInt16)
    case unplugAll
    case state(address: GuestAddress, blockCount: UInt16)
    case unknown(type: UInt16)

    /// 24 bytes: type, 3 × 16 bits of padding, address, block count, 3 × 16 bits of padding. Padding is ignored.
    init(from reader: inout ChainReader) throws(ChainError) {
        let type = try reader.readInteger(UInt16.self)
        _ = try reader.readBytes(6)
        let address = GuestAddress(try reader.readInteger(UInt64.self))
        let count = try reader.readInteger(UInt16.self)
        _ = try reader.readBytes(6)
        self =
            switch type {
            case 0: .plug(address: address, blockCount: count)
            case 1: .unplug(address: address, blockCount: count)
            case 2: .unplugAll
            case 3: .state(address: address, blockCount: count)
            default: .unknown(type: type)
            }
    }
}

/// The answer to a request (virtio 1.2 §5.15.6).
enum MemoryResponse: Equatable {
    case acknowledged
    /// The host does not want it now: more than the requested size.
    case refused
    /// The host could not do it now.
    case busy
    /// The request makes no sense: outside of the region, misaligned, or blocks in the wrong state.
    case error
    case state(BlockMap.Content)

    static let sizeInBytes = 10

    /// Type, 3 × 16 bits of padding, and the state, which is 0 where it has no meaning.
    var bytes: [UInt8] {
        let (type, state): (UInt8, UInt8) =
            switch self {
            case .acknowledged: (0, 0)
            case .refused: (1, 0)
            case .busy: (2, 0)
            case .error: (3, 0)
            case .state(let content): (0, content.rawValue)
            }
        return [type, 0, 0, 0, 0, 0, 0, 0, state, 0]
    }
}

/// Which blocks of a zone are plugged.
struct BlockMap: Equatable {
    /// The state of several blocks, as the driver receives it.
    enum Content: UInt8 {
        case plugged = 0
        case unplugged = 1
        case mixed = 2
    }

    let range: GuestRange
    private(set) var isPlugged: [Bool]

    init(_ zone: Zone) {
        range = zone.range
        isPlugged = Array(repeating: false, count: zone.blockCount)
    }

    var pluggedSizeInBytes: UInt64 { UInt64(isPlugged.count { $0 }) * ZoneGeometry.blockSizeInBytes }

    /// The blocks that a request means; nil where they are none, misaligned, wrap around, or leave the zone.
    func blocks(at address: GuestAddress, count: UInt16) -> Range<Int>? {
        // At most 65,535 × 128 MiB: no overflow.
        let size = UInt64(count) * ZoneGeometry.blockSizeInBytes
        guard count > 0, let wanted = GuestRange(start: address, sizeInBytes: size), range.contains(wanted) else {
            return nil
        }
        let distance = address.rawValue - range.start.rawValue
        guard distance % ZoneGeometry.blockSizeInBytes == 0 else { return nil }
        let first = Int(distance / ZoneGeometry.blockSizeInBytes)
        return first..<first + Int(count)
    }

    /// Where a block lies.
    func range(of block: Int) -> GuestRange {
        let start = range.start.rawValue + UInt64(block) * ZoneGeometry.blockSizeInBytes
        // A part of the zone's range does not wrap around either.
        return GuestRange(start: GuestAddress(start), sizeInBytes: ZoneGeometry.blockSizeInBytes) ?? .empty
    }

    func content(of blocks: Range<Int>) -> Content {
        let count = isPlugged[blocks].count { $0 }
        return count == 0 ? .unplugged : count == blocks.count ? .plugged : .mixed
    }

    mutating func set(_ block: Int, isPlugged plugged: Bool) { isPlugged[block] = plugged }
}
