import Memory
import Testing
import TestSupport
import Virtio

@Suite struct PersistentMemoryDeviceTests {
    private let driver: TestDriver

    init() throws {
        let range = try #require(GuestRange(start: GuestAddress(8 << 30), sizeInBytes: 6 << 20))
        driver = TestDriver(
            PersistentMemoryDevice(range: range), memory: try GuestMemory.zeroed(sizeInBytes: 1 << 20))
        driver.start()
    }

    private func send(_ type: [UInt8]) throws -> [UInt8] {
        let request = try driver.queues[0].add([.readable(type), .writable(4)])
        driver.notify(0)
        #expect(try driver.queues[0].takeUsed().map(\.written) == [4])
        return try driver.queues[0].bytes(of: request, from: 1, count: 4)
    }

    @Test func theConfigurationSaysWhereTheImageIs() {
        #expect(driver.configuration(0, as: UInt64.self) == 8 << 30)
        #expect(driver.configuration(8, as: UInt64.self) == 6 << 20)
        #expect(driver.configuration(16, as: UInt32.self) == 0)
    }

    @Test func aFlushSucceeds() throws { #expect(try send([0, 0, 0, 0]) == [0, 0, 0, 0]) }

    @Test func anythingElseFails() throws { #expect(try send([1, 0, 0, 0]) == [1, 0, 0, 0]) }

    @Test(
        arguments: [[.readable([0, 0, 0]), .writable(4)], [.readable([0, 0, 0, 0]), .writable(3)], [.writable(4)]]
            as [[DriverQueue.Buffer]])
    func aRequestThatIsTooShortNeedsAReset(buffers: [DriverQueue.Buffer]) throws {
        try driver.queues[0].add(buffers)
        driver.notify(0)
        #expect(driver.needsReset)
    }
}
