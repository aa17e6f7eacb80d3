import LinuxSystem
import Memory
import Testing
import TestSupport
import Virtio

@Suite struct ChainAccessTests {
    let memory: GuestMemory

    init() throws { memory = try GuestMemory.zeroed(sizeInBytes: 1 << 20) }

    private func chain(_ buffers: [DriverQueue.Buffer]) throws -> (DescriptorChain, DriverQueue, DriverQueue.Request) {
        var driver = DriverQueue(size: 16, at: 0x1000, in: memory)
        var device = try Virtqueue(driver.configuration, features: 0, largestSize: 16, in: memory)
        let request = try driver.add(buffers)
        guard case .chain(let chain) = device.pop(in: memory) else {
            throw ChainError.tooShort(wanted: 1, remaining: 0)
        }
        return (chain, driver, request)
    }

    @Test func integersAreReadAcrossBuffers() throws {
        let (chain, _, _) = try chain([.readable([1, 2, 3]), .readable([4]), .readable([5, 6, 7, 8, 9])])
        var reader = ChainReader(chain, in: memory)
        #expect(try reader.readInteger(UInt16.self) == 0x0201)
        #expect(try reader.readInteger(UInt32.self) == 0x0605_0403)
        #expect(reader.remaining == 3)
        #expect(try reader.readBytes(3) == [7, 8, 9])
        #expect(throws: ChainError.tooShort(wanted: 1, remaining: 0)) { try reader.readInteger(UInt8.self) }
    }

    @Test func aReadBeyondTheEndTakesNothing() throws {
        let (chain, _, _) = try chain([.readable([1, 2, 3])])
        var reader = ChainReader(chain, in: memory)
        #expect(throws: ChainError.tooShort(wanted: 4, remaining: 3)) { try reader.readBytes(4) }
        #expect(throws: ChainError.tooShort(wanted: -1, remaining: 3)) { try reader.readBytes(-1) }
        #expect(try reader.readBytes(3) == [1, 2, 3])
    }

    @Test func writesAreCutAsTheDriverCutItsBuffers() throws {
        let (chain, driver, request) = try chain([.writable(1), .writable(4), .writable(20)])
        var writer = ChainWriter(chain, in: memory)
        try writer.writeInteger(UInt32(0x0403_0201))
        try writer.write([5, 6, 7])
        #expect(writer.written == 7)
        #expect(writer.remaining == 18)
        #expect(try driver.bytes(of: request, from: 0, count: 8) == [1, 2, 3, 4, 5, 6, 7, 0])
        #expect(throws: ChainError.tooShort(wanted: 19, remaining: 18)) {
            try writer.write([UInt8](repeating: 1, count: 19))
        }
        #expect(writer.written == 7)
    }

    @Test func rangesAreForTransfersWithoutACopy() throws {
        let (chain, _, request) = try chain([.readable([1, 2, 3, 4]), .readable([5, 6])])
        var reader = ChainReader(chain, in: memory)
        reader.advance(by: 1)
        let ranges = reader.ranges(atMost: 4)
        #expect(ranges.map(\.start) == [request.ranges[0].start.advanced(by: 1), request.ranges[1].start])
        #expect(ranges.map(\.sizeInBytes) == [3, 1])
        #expect(reader.remaining == 5, "looking takes nothing")
        reader.advance(by: 99)
        #expect(reader.remaining == 0)
        #expect(reader.ranges(atMost: 4) == [])
    }

    @Test func aBufferOutsideOfMemoryIsFoundWhenItIsTouched() throws {
        let hole = GuestMemoryError.notMapped(address: GuestAddress(1 << 30), sizeInBytes: 4)
        let (chain, _, _) = try chain([.range(1 << 30, 4, writable: false), .range(1 << 30, 4, writable: true)])
        var reader = ChainReader(chain, in: memory)
        var writer = ChainWriter(chain, in: memory)
        #expect(throws: ChainError.memory(hole)) { try reader.readInteger(UInt32.self) }
        #expect(throws: ChainError.memory(hole)) { try reader.readBytes(4) }
        #expect(throws: ChainError.memory(hole)) { try writer.writeInteger(UInt32(1)) }
        #expect(throws: ChainError.memory(hole)) { try writer.write([1, 2, 3, 4]) }
        #expect(writer.written == 0)
    }
}
