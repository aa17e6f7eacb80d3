@testable import Machine
import Memory
import Testing
import Zones

@Suite struct MachineLayoutTests {
    private let mebi: UInt64 = 1 << 20
    private let gibi: UInt64 = 1 << 30

    @Test func smallBaseMemoryIsOneRange() throws {
        let layout = try MachineLayout(.init(baseMemory: 256 * mebi))
        #expect(layout.baseRanges == [range(0, 256 * mebi)])
        #expect(layout.zones.isEmpty && layout.images.isEmpty)
    }

    @Test func baseMemoryBeyond3GiBGoesOnAt4GiB() throws {
        let layout = try MachineLayout(.init(baseMemory: 5 * gibi))
        #expect(layout.baseRanges == [range(0, 0xc000_0000), range(0x1_0000_0000, 2 * gibi)])
    }

    @Test func zonesAreContiguousFrom8GiB() throws {
        let layout = try MachineLayout(.init(baseMemory: 128 * mebi, zoneCount: 64, zoneSize: 256 * mebi))
        #expect(layout.zones.count == 64)
        #expect(layout.zones.first?.range == range(8 * gibi, 256 * mebi))
        #expect(layout.zones.last?.range == range(8 * gibi + 63 * 256 * mebi, 256 * mebi))
    }

    @Test func zonesBeginAfterLargeBaseMemoryAtAWholeGiB() throws {
        let layout = try MachineLayout(.init(baseMemory: 10 * gibi + 2 * mebi, zoneCount: 1))
        #expect(layout.zones.map(\.range) == [range(12 * gibi, 128 * mebi)])
    }

    @Test func imagesAreAlignedAndDisjoint() throws {
        let layout = try MachineLayout(.init(baseMemory: 128 * mebi, imageSizes: [1, 128 * mebi + 1, 3 * mebi]))
        #expect(
            layout.images == [
                range(512 * gibi, 2 * mebi), range(512 * gibi + 128 * mebi, 130 * mebi),
                range(512 * gibi + 384 * mebi, 4 * mebi),
            ])
    }

    @Test func aPlaceForAnImageTakesNoAddresses() throws {
        let layout = try MachineLayout(.init(baseMemory: 128 * mebi, imageSizes: [nil, 1]))
        #expect(layout.images == [nil, range(512 * gibi, 2 * mebi)])
    }

    @Test func aFurtherImageLiesBehindTheOthersOrNowhere() throws {
        let layout = try MachineLayout(
            .init(baseMemory: 128 * mebi, imageSizes: [3 * mebi, nil], physicalAddressBits: 39))
        let first = try #require(layout.images[0])
        #expect(layout.rangeOfImage(sizeInBytes: 1, behind: [first]) == range(256 * gibi + 128 * mebi, 2 * mebi))
        #expect(layout.rangeOfImage(sizeInBytes: 2 * mebi, behind: []) == range(256 * gibi, 2 * mebi))
        let whole = 256 * gibi - 128 * mebi
        #expect(layout.rangeOfImage(sizeInBytes: whole, behind: [first]) == range(256 * gibi + 128 * mebi, whole))
        #expect(layout.rangeOfImage(sizeInBytes: whole + 1, behind: [first]) == nil)
        #expect(layout.rangeOfImage(sizeInBytes: .max, behind: [first]) == nil)
        #expect(layout.rangeOfImage(sizeInBytes: 0, behind: [first]) == nil)
    }

    @Test func imagesFitIntoASmallerAddressSpace() throws {
        let layout = try MachineLayout(.init(baseMemory: 128 * mebi, imageSizes: [1], physicalAddressBits: 39))
        #expect(layout.images == [range(256 * gibi, 2 * mebi)])
    }

    @Test func nothingOverlaps() throws {
        let layout = try MachineLayout(
            .init(
                baseMemory: 6 * gibi, zoneCount: 64, zoneSize: 1024 * mebi, imageSizes: [5, 6, 7], deviceCount: 256))
        let windows = (0..<256).map { MachineLayout.window(ofVirtioDevice: $0) }
        let fixed = [range(AddressMap.ioAPIC.rawValue, 0x1000), range(AddressMap.localAPIC.rawValue, 0x10_0000)]
        let all =
            layout.baseRanges + layout.zones.map(\.range) + layout.images.compactMap { $0 } + windows
            + fixed.compactMap { $0 }
        let sorted = all.sorted { $0.start < $1.start }
        for (lower, upper) in zip(sorted, sorted.dropFirst()) { #expect(lower.end <= upper.start) }
    }

    private static let base: UInt64 = 64 << 20
    private static let halfTiB: UInt64 = 512 << 30

    static let refused: [(MachineLayout.Request, LayoutError)] = [
        (.init(baseMemory: 0), .baseMemory(sizeInBytes: 0)),
        (.init(baseMemory: base + 4096), .baseMemory(sizeInBytes: base + 4096)),
        (.init(baseMemory: 62 << 30), .baseMemory(sizeInBytes: 62 << 30)),
        (.init(baseMemory: .max), .baseMemory(sizeInBytes: .max)),
        (
            .init(baseMemory: 32 << 30, physicalAddressBits: 36),
            .baseDoesNotFit(end: GuestAddress(33 << 30), physicalAddressBits: 36)
        ),
        (.init(baseMemory: base, zoneCount: 65), .zones(.count(65, max: 64))),
        (.init(baseMemory: base, zoneCount: -1), .zones(.count(-1, max: 64))),
        (.init(baseMemory: base, zoneCount: 1, zoneSize: base), .zones(.size(base))),
        (.init(baseMemory: base, zoneCount: 1, zoneSize: 0), .zones(.size(0))),
        (
            .init(baseMemory: base, zoneCount: 64, zoneSize: 0xffff_ffff_f800_0000),
            .zones(.addressSpace(end: GuestAddress(.max), limit: GuestAddress(halfTiB)))
        ),
        (
            .init(baseMemory: base, zoneCount: 64, zoneSize: 8 << 30),
            .zones(.addressSpace(end: GuestAddress(520 << 30), limit: GuestAddress(halfTiB)))
        ),
        (.init(baseMemory: base, imageSizes: [1, 0]), .emptyImage(index: 1)),
        (
            .init(baseMemory: base, imageSizes: [1, halfTiB]),
            .imagesDoNotFit(end: GuestAddress(2 * halfTiB + (128 << 20)), physicalAddressBits: 40)
        ),
        (
            .init(baseMemory: base, imageSizes: [.max]),
            .imagesDoNotFit(end: GuestAddress(.max), physicalAddressBits: 40)
        ),
        (.init(baseMemory: base, deviceCount: 257), .deviceCount(257)),
        (.init(baseMemory: base, physicalAddressBits: 0), .physicalAddressBits(0)),
        (.init(baseMemory: base, physicalAddressBits: 64), .physicalAddressBits(64)),
    ]

    @Test(arguments: refused.indices)
    func aMachineThatCannotBeIsRefused(index: Int) {
        let (request, error) = Self.refused[index]
        #expect(throws: error) { try MachineLayout(request) }
    }

    @Test func e820ListsBaseMemoryOnly() throws {
        let layout = try MachineLayout(.init(baseMemory: 4 * gibi, zoneCount: 4, imageSizes: [1]))
        let entries = layout.e820
        #expect(
            entries.map(\.range) == [
                range(0, 0x9_fc00), range(0xe_0000, 0x2_0000), range(0x10_0000, 0xc000_0000 - 0x10_0000),
                range(0x1_0000_0000, gibi),
            ])
        #expect(entries.map(\.kind) == [.ram, .reserved, .ram, .ram])
    }

    @Test func virtioInterruptsGoRoundAndSpareTheSerialPort() {
        let lines = (0..<200).map { InterruptMap.line(ofVirtioDevice: $0) }
        #expect(Set(lines) == Set(1...23).subtracting([2, InterruptMap.serial]))
        #expect(Set(lines.prefix(21)).count == 21, "16 zones, an image, network and the rest share none")
        #expect(lines.filter { $0 == lines[1] }.count == 1, "vsock's")
    }
}
