import Devices
import Machine
import Testing

private final class Recorder: BusDevice {
    var reads: [UInt64] = []
    var writes: [UInt64: UInt64] = [:]
    var answer: UInt64 = 0

    func read(offset: UInt64, width: Int) -> UInt64 {
        reads.append(offset)
        return answer
    }

    func write(_ value: UInt64, offset: UInt64, width: Int) { writes[offset] = value }
}

@Suite struct AddressSpaceBusTests {
    private let bus = AddressSpaceBus()
    private let low = Recorder()
    private let high = Recorder()

    init() throws {
        try bus.insert(high, at: 0x2000, sizeInBytes: 0x1000)
        try bus.insert(low, at: 0x1000, sizeInBytes: 0x100)
    }

    @Test func anAccessReachesItsDeviceAtAnOffset() {
        low.answer = 7
        #expect(bus.read(0x1004, width: 4) == 7)
        bus.write(9, to: 0x2ff8, width: 8)
        #expect(low.reads == [4] && high.writes == [0xff8: 9])
        #expect(bus.unmappedAccessCount == 0)
    }

    @Test func valuesAreCutToTheirWidth() {
        low.answer = .max
        #expect(bus.read(0x1000, width: 2) == 0xffff)
        bus.write(0x1234_5678_9abc_def0, to: 0x1000, width: 1)
        #expect(low.writes == [0: 0xf0])
    }

    @Test(
        arguments: [
            (0, 1, 0xff), (0xfff, 1, 0xff), (0x10ff, 2, 0xffff), (0x1100, 4, 0xffff_ffff), (0x3000, 8, .max),
            (0x2ffc, 8, .max), (.max, 8, .max), (0x1000, 3, 0xff_ffff), (0x1000, 0, .max), (0x1000, 16, .max),
            (0x1000, -1, .max),
        ] as [(UInt64, Int, UInt64)])
    func whatIsNotThereReadsAsOnesAndIsCounted(address: UInt64, width: Int, value: UInt64) {
        #expect(bus.read(address, width: width) == value)
        bus.write(0, to: address, width: width)
        #expect(bus.unmappedAccessCount == 2)
        #expect(low.reads.isEmpty && high.reads.isEmpty && low.writes.isEmpty && high.writes.isEmpty)
    }

    @Test(arguments: [(0x1000, 0x100), (0xf01, 0x100), (0x10ff, 1), (0, 0x10000), (0x2fff, 2)] as [(UInt64, UInt64)])
    func devicesDoNotOverlap(start: UInt64, size: UInt64) {
        #expect(throws: BusError.self) { try bus.insert(Recorder(), at: start, sizeInBytes: size) }
    }

    @Test func aRangeMayEndAtTheEndOfTheAddressSpaceButNotBeyond() throws {
        let last = Recorder()
        #expect(throws: BusError.emptyOrWrapping(start: .max, sizeInBytes: 2)) {
            try bus.insert(last, at: .max, sizeInBytes: 2)
        }
        #expect(throws: BusError.emptyOrWrapping(start: 0, sizeInBytes: 0)) {
            try bus.insert(last, at: 0, sizeInBytes: 0)
        }
        try bus.insert(last, at: .max - 3, sizeInBytes: 4)
        _ = bus.read(.max - 3, width: 4)
        #expect(last.reads == [0])
    }

    @Test func aRemovedDeviceIsNotReached() {
        #expect(bus.remove(at: 0x1000))
        #expect(!bus.remove(at: 0x2001))
        #expect(bus.read(0x1000, width: 1) == 0xff)
        #expect(low.reads.isEmpty)
    }

    @Test func eachOfManyDevicesIsFound() throws {
        let bus = AddressSpaceBus()
        let devices = (0..<300).map { _ in Recorder() }
        for (index, device) in devices.enumerated().shuffled() {
            try bus.insert(device, at: 0xd000_0000 + UInt64(index) * 0x1000, sizeInBytes: 0x1000)
        }
        for index in 0..<300 { _ = bus.read(0xd000_0000 + UInt64(index) * 0x1000 + 0xfff, width: 1) }
        #expect(devices.allSatisfy { $0.reads == [0xfff] })
    }
}
