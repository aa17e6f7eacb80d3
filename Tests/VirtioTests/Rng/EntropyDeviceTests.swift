import Memory
import Testing
import TestSupport
import Virtio

@Suite struct EntropyDeviceTests {
    let memory: GuestMemory
    let driver: TestDriver

    init() throws {
        memory = try GuestMemory.zeroed(sizeInBytes: 1 << 20)
        driver = TestDriver(EntropyDevice(), memory: memory)
        driver.start()
    }

    @Test func aRequestIsFilled() throws {
        let request = try driver.queues[0].add([.writable(40), .writable(24)])
        driver.notify(0)
        #expect(try driver.queues[0].takeUsed() == [.init(head: UInt32(request.head), written: 64)])
        #expect(try driver.queues[0].bytes(of: request, from: 0, count: 64) != [UInt8](repeating: 0, count: 64))
        #expect(driver.line.count == 1)
        #expect(driver.acknowledge() == 1)
    }

    @Test func aHugeRequestIsFilledInPart() throws {
        try driver.queues[0].add([.writable(100_000)])
        driver.notify(0)
        #expect(try driver.queues[0].takeUsed().map(\.written) == [4096])
    }

    @Test func twoRequestsDiffer() throws {
        let first = try driver.queues[0].add([.writable(32)])
        let second = try driver.queues[0].add([.writable(32)], indirect: true)
        driver.notify(0)
        let bytes = try [first, second].map { try driver.queues[0].bytes(of: $0, from: 0, count: 32) }
        #expect(bytes[0] != bytes[1])
    }

    @Test func aRequestWithoutRoomNeedsAReset() throws {
        try driver.queues[0].add([.readable([1])])
        driver.notify(0)
        #expect(driver.needsReset)
        #expect(driver.acknowledge() == 2)
        driver.start()
        #expect(!driver.needsReset)
    }

    @Test func aBufferOutsideOfMemoryNeedsAReset() throws {
        try driver.queues[0].add([.range(1 << 40, 64, writable: true)])
        driver.notify(0)
        #expect(driver.needsReset)
        #expect(driver.transport.violationCount == 1)
    }
}
