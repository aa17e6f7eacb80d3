import Devices
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

    /// A transport as it was when a machine without an image was saved.
    private func savedPlaceholder(_ prepare: (MMIOTransport) -> Void = { _ in }) throws -> [UInt8] {
        let transport = MMIOTransport(
            PersistentMemoryDevice(range: nil), memory: driver.memory, interrupt: CountingLine())
        #expect(transport.read(offset: 0x008, width: 4) == 0)
        prepare(transport)
        var writer = StateWriter()
        transport.save(to: &writer)
        return writer.bytes
    }

    private func fill(_ place: [UInt8]) throws(StateError) -> MMIOTransport {
        let device = PersistentMemoryDevice(range: GuestRange(start: GuestAddress(8 << 30), sizeInBytes: 2 << 20))
        guard let memory = try? GuestMemory.zeroed(sizeInBytes: 1 << 20) else { throw .invalid("no memory") }
        let transport = MMIOTransport(device, memory: memory, interrupt: CountingLine())
        var reader = StateReader(place)
        try transport.restore(from: &reader)
        return transport
    }

    @Test func anImageComesWhereAPlaceForItWasSaved() throws {
        let transport = try fill(savedPlaceholder())
        #expect(transport.read(offset: 0x008, width: 4) == 27)
        #expect(transport.read(offset: 0x108, width: 4) == 2 << 20)
    }

    @Test func aPlaceholderThatADriverHasTouchedIsRefused() throws {
        // ACKNOWLEDGE
        let touched = try savedPlaceholder { $0.write(1, offset: 0x070, width: 4) }
        #expect(throws: StateError.self) { try fill(touched) }
    }

    @Test(
        arguments: [[.readable([0, 0, 0]), .writable(4)], [.readable([0, 0, 0, 0]), .writable(3)], [.writable(4)]]
            as [[DriverQueue.Buffer]])
    func aRequestThatIsTooShortNeedsAReset(buffers: [DriverQueue.Buffer]) throws {
        try driver.queues[0].add(buffers)
        driver.notify(0)
        #expect(driver.needsReset)
    }
}
