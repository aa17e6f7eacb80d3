import Memory
import TestSupport
import Testing
import Virtio

/// Remembers what was reported.
private final class RecordingPages: FreePageBacking {
    var ranges: [GuestRange] = []

    func takeBack(_ range: GuestRange) -> UInt64 {
        ranges.append(range)
        return range.sizeInBytes
    }
}

@Suite struct BalloonDeviceTests {
    private let pages = RecordingPages()
    private let device: BalloonDevice
    private let driver: TestDriver

    init() throws {
        device = BalloonDevice(backing: pages)
        driver = TestDriver(device, memory: try GuestMemory.zeroed(sizeInBytes: 1 << 20))
        driver.start()
    }

    @Test func reportedPagesAreTakenBack() throws {
        let chain = try driver.queues[2].add([
            .range(0x20_0000, 0x20_0000, writable: true), .range(0x80_0000, 0x40_0000, writable: true),
        ])
        driver.notify(2)
        #expect(pages.ranges.map(\.start.rawValue) == [0x20_0000, 0x80_0000])
        #expect(device.returnedBytes == 0x60_0000)
        // The driver waits for its buffers, and the pages are its own again.
        #expect(try driver.queues[2].takeUsed() == [.init(head: UInt32(chain.head), written: 0)])
        #expect(driver.line.count == 1)
    }

    @Test func whatIsOnlyReadableIsNoReport() throws {
        try driver.queues[2].add([.readable([1, 2, 3])])
        driver.notify(2)
        #expect(pages.ranges.isEmpty)
        #expect(!driver.needsReset)
    }

    @Test func inflatingDoesNothing() throws {
        try driver.queues[0].add([.readable([UInt8](repeating: 1, count: 64))])
        try driver.queues[1].add([.readable([UInt8](repeating: 1, count: 64))])
        driver.notify(0)
        driver.notify(1)
        #expect(pages.ranges.isEmpty)
        #expect(try driver.queues[0].takeUsed().count == 1)
        #expect(device.configuration == [UInt8](repeating: 0, count: 16))
    }

    @Test func nothingIsTakenAfterAReset() throws {
        try driver.queues[2].add([.range(0x20_0000, 0x20_0000, writable: true)])
        device.reset()
        driver.notify(2)
        #expect(pages.ranges.isEmpty)
    }
}
