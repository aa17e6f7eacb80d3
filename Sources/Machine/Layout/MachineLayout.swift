public import Geometry
public import Memory
public import Zones

/// Why a machine of the wanted shape cannot be laid out.
public enum LayoutError: Error, Equatable, CustomStringConvertible {
    case baseMemory(sizeInBytes: UInt64)
    case baseDoesNotFit(end: GuestAddress, physicalAddressBits: Int)
    case zones(ZoneLayoutError)
    case emptyImage(index: Int)
    case imagesDoNotFit(end: GuestAddress, physicalAddressBits: Int)
    case deviceCount(Int)
    case physicalAddressBits(Int)

    public var description: String {
        switch self {
        case .baseMemory(let size):
            "base memory of \(size) bytes: expected a multiple of 2 MiB between "
                + "\(MachineLayout.minBaseMemory >> 20) MiB and \(MachineLayout.largestBaseMemory >> 30) GiB"
        case .baseDoesNotFit(let end, let bits):
            "base memory would end at \(end), in the upper half of what the processor's \(bits) physical address bits "
                + "reach: less fits"
        case .zones(let error): "\(error)"
        case .emptyImage(let index): "image \(index) is empty"
        case .imagesDoNotFit(let end, let bits):
            "the images would end at \(end), beyond the processor's \(bits) physical address bits: fewer or smaller images fit"
        case .deviceCount(let count): "\(count) virtio devices: expected 0 to \(MachineLayout.largestDeviceCount)"
        case .physicalAddressBits(let bits): "a processor with \(bits) physical address bits: expected at least 36"
        }
    }
}

/// Where everything of one machine is in the guest's physical address space: a pure value, checked when it is made.
public struct MachineLayout: Equatable, Sendable {
    /// What the machine shall have.
    public struct Request: Equatable, Sendable {
        /// RAM of node 0 in bytes, a multiple of 2 MiB.
        public var baseMemory: UInt64
        public var zoneCount: Int
        /// Bytes of one zone, a multiple of 128 MiB.
        public var zoneSize: UInt64
        /// Bytes of each image file; nil: there is none yet.
        public var imageSizes: [UInt64?]
        /// All virtio devices, those of zones and images too.
        public var deviceCount: Int
        /// The guest processor's physical address width (CPUID 0x80000008).
        public var physicalAddressBits: Int

        public init(
            baseMemory: UInt64, zoneCount: Int = 0, zoneSize: UInt64 = ZoneGeometry.blockSizeInBytes,
            imageSizes: [UInt64?] = [], deviceCount: Int = 0, physicalAddressBits: Int = 40
        ) {
            self.baseMemory = baseMemory
            self.zoneCount = zoneCount
            self.zoneSize = zoneSize
            self.imageSizes = imageSizes
            self.deviceCount = deviceCount
            self.physicalAddressBits = physicalAddressBits
        }
    }

    /// Less than this holds no kernel at all; what a given kernel needs is `KernelImage.requiredMemory`.
    public static let minBaseMemory: UInt64 = 16 << 20
    /// From 64 GiB of boot memory on Linux's memory blocks grow, and zones of 128 MiB could no longer be plugged
    /// (probe_memory_block_size: MEM_SIZE_FOR_LARGE_BLOCK).
    public static let largestBaseMemory: UInt64 = 60 << 30
    /// So that the DSDT stays within the room for ACPI tables.
    public static let largestDeviceCount = 256

    /// RAM from 0 up to `AddressMap.endOfLowBase` at most. Includes the hole below 1 MiB, which E820 does not list.
    public let lowBase: GuestRange
    /// RAM from 4 GiB up, where the base memory is larger than what fits below.
    public let highBase: GuestRange?
    public let zones: [Zone]
    /// The address windows of the images, as large as the image rounded up to 2 MiB; nil: there is no image yet.
    public let images: [GuestRange?]
    public let deviceCount: Int
    /// Where images may be.
    private let imageWindow: Range<GuestAddress>

    public init(_ request: Request) throws(LayoutError) {
        guard (36...52).contains(request.physicalAddressBits) else {
            throw .physicalAddressBits(request.physicalAddressBits)
        }
        guard (0...Self.largestDeviceCount).contains(request.deviceCount) else {
            throw .deviceCount(request.deviceCount)
        }
        (lowBase, highBase) = try Self.base(request.baseMemory)
        let limit = GuestAddress(1 << UInt64(request.physicalAddressBits))
        // The upper half, or what is beyond 512 GiB, is for the images.
        let images = AddressMap.images(forPhysicalAddressBits: request.physicalAddressBits)
        let endOfBase = highBase?.end ?? lowBase.end
        guard endOfBase <= images else {
            throw .baseDoesNotFit(end: endOfBase, physicalAddressBits: request.physicalAddressBits)
        }
        zones = try Self.zones(request, after: endOfBase, below: images)
        self.images = try Self.images(request, from: images, below: limit)
        imageWindow = images..<limit
        deviceCount = request.deviceCount
    }

    /// The ranges of RAM that node 0 has from the start.
    public var baseRanges: [GuestRange] { [lowBase] + (highBase.map { [$0] } ?? []) }

    /// Where a further image would lie, behind those that there are; nil: it does not fit.
    func rangeOfImage(sizeInBytes size: UInt64, behind images: [GuestRange]) -> GuestRange? {
        let end = images.map(\.end).max() ?? imageWindow.lowerBound
        let start = end.rawValue.roundedUp(to: AddressMap.imageAlignment)
        let limit = imageWindow.upperBound.rawValue
        guard size > 0, size <= limit, start < limit, size <= limit - start else { return nil }
        return Self.range(start, size.roundedUp(to: 2 << 20))
    }

    /// The register window of the virtio device with this index, below `deviceCount`.
    public static func window(ofVirtioDevice index: Int) -> GuestRange {
        precondition((0..<largestDeviceCount).contains(index), "a virtio device beyond the machine's windows")
        return range(
            AddressMap.virtioWindows.rawValue + UInt64(index) * AddressMap.virtioWindowSize, AddressMap.virtioWindowSize
        )
    }

    private static func base(_ size: UInt64) throws(LayoutError) -> (GuestRange, GuestRange?) {
        guard size % (2 << 20) == 0, (minBaseMemory...largestBaseMemory).contains(size) else {
            throw .baseMemory(sizeInBytes: size)
        }
        let low = min(size, AddressMap.endOfLowBase.rawValue)
        let high = size - low
        return (range(0, low), high == 0 ? nil : range(AddressMap.startOfHighBase.rawValue, high))
    }

    private static func zones(
        _ request: Request, after base: GuestAddress, below limit: GuestAddress
    ) throws(LayoutError) -> [Zone] {
        let start = ZoneAddresses.start(behind: base.rawValue)
        do {
            return try ZoneLayout(
                count: request.zoneCount, sizeInBytes: request.zoneSize, base: GuestAddress(start), limit: limit
            ).zones
        } catch { throw .zones(error) }
    }

    private static func images(
        _ request: Request, from start: GuestAddress, below limit: GuestAddress
    ) throws(LayoutError) -> [GuestRange?] {
        var next = start.rawValue
        var images: [GuestRange?] = []
        for (index, size) in request.imageSizes.enumerated() {
            guard let size else {
                images.append(nil)
                continue
            }
            guard size > 0 else { throw .emptyImage(index: index) }
            guard size <= limit.rawValue, next < limit.rawValue, size <= limit.rawValue - next else {
                throw .imagesDoNotFit(
                    end: GuestAddress(next).advanced(by: size) ?? GuestAddress(.max),
                    physicalAddressBits: request.physicalAddressBits)
            }
            images.append(range(next, size.roundedUp(to: 2 << 20)))
            next = (next + size).roundedUp(to: AddressMap.imageAlignment)
        }
        return images
    }

    /// For sums that were proved to be small.
    private static func range(_ start: UInt64, _ size: UInt64) -> GuestRange {
        guard let range = GuestRange(start: GuestAddress(start), sizeInBytes: size) else {
            preconditionFailure("a range of the machine's layout wraps around")
        }
        return range
    }
}

extension UInt64 {
    /// The next multiple of a power of two; the sum must not overflow.
    func roundedUp(to alignment: UInt64) -> UInt64 { (self + alignment - 1) & ~(alignment - 1) }
}
