import Memory
import Testing
import TestSupport
import Virtio

/// A queue of the device with its driver's side, over the same rings.
private final class Pair {
    var driver: DriverQueue
    var device: Virtqueue
    let memory: GuestMemory

    init(size: UInt16 = 8, features: UInt64 = RingFeature.indirectDescriptors) throws {
        memory = try GuestMemory.zeroed(sizeInBytes: 1 << 20)
        driver = DriverQueue(size: size, at: 0x1000, in: memory)
        device = try Virtqueue(driver.configuration, features: features, largestSize: 256, in: memory)
    }

    func popChain() throws -> DescriptorChain {
        guard case .chain(let chain) = device.pop(in: memory) else { throw NoChain() }
        return chain
    }

    func pop() -> Virtqueue.Popped { device.pop(in: memory) }
    func push(_ chain: DescriptorChain, written: UInt32) -> QueueFault? {
        device.push(chain, written: written, in: memory)
    }
    func shouldNotify() -> Bool { device.shouldNotify(in: memory) }

    func popFault() -> QueueFault? {
        guard case .fault(let fault) = device.pop(in: memory) else { return nil }
        return fault
    }
}

private struct NoChain: Error {}
private typealias Descriptor = DriverQueue.Descriptor

@Suite struct VirtqueueTests {
    @Test(arguments: [false, true])
    func aChainComesOutAsItWasAdded(indirect: Bool) throws {
        let pair = try Pair()
        #expect(pair.pop() == .empty)
        let request = try pair.driver.add(
            [.readable([1, 2, 3]), .readable([4]), .writable(10), .writable(6)], indirect: indirect)
        let chain = try pair.popChain()
        #expect(chain.head == request.head)
        #expect(chain.readable + chain.writable == request.ranges)
        #expect(chain.readableSizeInBytes == 4)
        #expect(chain.writableSizeInBytes == 16)
        #expect(pair.pop() == .empty)
        #expect(pair.push(chain, written: 9) == nil)
        #expect(try pair.driver.takeUsed() == [.init(head: UInt32(request.head), written: 9)])
    }

    @Test func ringsWrapAroundManyTimes() throws {
        let pair = try Pair(size: 4)
        for round in 0..<70_000 {
            let request = try pair.driver.add([.writable(8)])
            let chain = try pair.popChain()
            #expect(pair.push(chain, written: 8) == nil)
            let used = try pair.driver.takeUsed()
            guard used == [.init(head: UInt32(request.head), written: 8)] else {
                Issue.record("round \(round): \(used)")
                return
            }
        }
    }

    @Test func directDescriptorsMayLeadToAnIndirectTable() throws {
        let pair = try Pair()
        let table = pair.driver.takeMemory(32)
        try pair.driver.write(Descriptor(0x3000, 4, flags: Descriptor.next, next: 1), at: table)
        try pair.driver.write(Descriptor(0x4000, 5, flags: Descriptor.writable), at: table + 16)
        try pair.driver.writeDescriptor(Descriptor(0x2000, 3, flags: Descriptor.next, next: 5), at: 2)
        // The device must ignore the write-only flag of a descriptor that refers to a table (§2.7.5.3.2).
        try pair.driver.writeDescriptor(
            Descriptor(table, 32, flags: Descriptor.indirect | Descriptor.writable), at: 5)
        try pair.driver.offer(2)
        let chain = try pair.popChain()
        #expect(chain.readable.map(\.start.rawValue) == [0x2000, 0x3000])
        #expect(chain.writable.map(\.start.rawValue) == [0x4000])
    }

    @Test func emptyBuffersAreLeftOut() throws {
        let pair = try Pair()
        try pair.driver.add([.readable([]), .readable([7]), .writable(0), .writable(2)])
        let chain = try pair.popChain()
        #expect(chain.readable.map(\.sizeInBytes) == [1])
        #expect(chain.writable.map(\.sizeInBytes) == [2])
    }

    @Test func aChainThatWasPutBackComesAgain() throws {
        let pair = try Pair()
        try pair.driver.add([.readable([1])])
        let first = try pair.popChain()
        pair.device.putBack()
        #expect(try pair.popChain() == first)
    }

    @Test func chainsThatWereLookedAtComeOut() throws {
        let pair = try Pair()
        for size in 1...3 { try pair.driver.add([.writable(size)]) }
        let looked = try (0..<3 as Range<UInt16>).map { distance in
            guard case .chain(let chain) = pair.device.peek(distance, in: pair.memory) else { throw NoChain() }
            return chain
        }
        #expect(looked.map(\.writableSizeInBytes) == [1, 2, 3])
        #expect(pair.device.peek(3, in: pair.memory) == .empty)
        pair.device.take(2)
        #expect(try pair.popChain() == looked[2])
        #expect(pair.pop() == .empty)
    }

    @Test func severalChainsComeBackInOrder() throws {
        let pair = try Pair()
        for _ in 0..<3 { try pair.driver.add([.writable(10)]) }
        let chains = try (1...3 as ClosedRange<UInt32>).map { (chain: try pair.popChain(), written: $0) }
        #expect(pair.device.push(chains, in: pair.memory) == nil)
        #expect(
            try pair.driver.takeUsed()
                == chains.map { DriverQueue.Used(head: UInt32($0.chain.head), written: $0.written) })
        #expect(pair.shouldNotify())
    }

    /// The driver may look at any moment: parts of a frame appear with the last of them, or not at all.
    @Test func ofSeveralChainsNoneComesBackWithoutTheOthers() throws {
        let pair = try Pair()
        for _ in 0..<3 { try pair.driver.add([.writable(10)]) }
        let chains = try (0..<3).map { _ in (chain: try pair.popChain(), written: 1 as UInt32) }
        var seen = 0
        let parts = chains.lazy.map { part in
            seen += (try? pair.driver.takeUsed().count) ?? 1
            return part
        }
        #expect(pair.device.push(parts, in: pair.memory) == nil)
        #expect(seen == 0)
        #expect(try pair.driver.takeUsed().count == 3)
    }

    // MARK: Faults

    @Test func aLoopOfDescriptorsIsAFault() throws {
        let pair = try Pair()
        try pair.driver.writeDescriptor(Descriptor(0x2000, 1, flags: Descriptor.next, next: 1), at: 0)
        try pair.driver.writeDescriptor(Descriptor(0x2000, 1, flags: Descriptor.next, next: 0), at: 1)
        try pair.driver.offer(0)
        #expect(pair.popFault() == .chainTooLong(queueSize: 8))
    }

    @Test func aLoopInAnIndirectTableIsAFault() throws {
        let pair = try Pair()
        let table = pair.driver.takeMemory(16)
        try pair.driver.write(Descriptor(0x2000, 1, flags: Descriptor.next, next: 0), at: table)
        try pair.driver.writeDescriptor(Descriptor(table, 16, flags: Descriptor.indirect), at: 0)
        try pair.driver.offer(0)
        #expect(pair.popFault() == .chainTooLong(queueSize: 8))
    }

    @Test func anIndirectTableInsideAnIndirectTableIsAFault() throws {
        let pair = try Pair()
        let table = pair.driver.takeMemory(16)
        try pair.driver.write(Descriptor(table, 16, flags: Descriptor.indirect), at: table)
        try pair.driver.writeDescriptor(Descriptor(table, 16, flags: Descriptor.indirect), at: 0)
        try pair.driver.offer(0)
        #expect(pair.popFault() == .nestedIndirect)
    }

    @Test(arguments: [UInt32(0), 8, 17, .max])
    func anIndirectTableOfAnOddSizeIsAFault(size: UInt32) throws {
        let pair = try Pair()
        try pair.driver.writeDescriptor(Descriptor(0x2000, size, flags: Descriptor.indirect), at: 0)
        try pair.driver.offer(0)
        #expect(pair.popFault() == .indirectTableSize(size))
    }

    @Test func anIndirectDescriptorWithASuccessorIsAFault() throws {
        let pair = try Pair()
        try pair.driver.writeDescriptor(
            Descriptor(0x2000, 16, flags: Descriptor.indirect | Descriptor.next, next: 1), at: 0)
        try pair.driver.offer(0)
        #expect(pair.popFault() == .indirectWithNext)
    }

    @Test func anIndirectDescriptorThatWasNotNegotiatedIsAFault() throws {
        let pair = try Pair(features: 0)
        try pair.driver.add([.readable([1])], indirect: true)
        #expect(pair.popFault() == .indirectNotNegotiated)
    }

    @Test func anIndirectTableOutsideOfMemoryIsAFault() throws {
        let pair = try Pair()
        try pair.driver.writeDescriptor(Descriptor(UInt64.max - 7, 16, flags: Descriptor.indirect), at: 0)
        try pair.driver.offer(0)
        #expect(pair.popFault() == .descriptorOutOfRange(index: 0, tableSize: 1))
        try pair.driver.writeDescriptor(Descriptor(1 << 40, 16, flags: Descriptor.indirect), at: 0)
        #expect(pair.popFault() == .memory(.notMapped(address: GuestAddress(1 << 40 + 8), sizeInBytes: 8)))
    }

    @Test func aHeadOutsideOfTheTableIsAFault() throws {
        let pair = try Pair()
        try pair.driver.offer(8)
        #expect(pair.popFault() == .descriptorOutOfRange(index: 8, tableSize: 8))
    }

    @Test func aSuccessorOutsideOfTheTableIsAFault() throws {
        let pair = try Pair()
        try pair.driver.writeDescriptor(Descriptor(0x2000, 1, flags: Descriptor.next, next: 0xffff), at: 0)
        try pair.driver.offer(0)
        #expect(pair.popFault() == .descriptorOutOfRange(index: 0xffff, tableSize: 8))
    }

    @Test func anIndexThatJumpsBeyondTheQueueIsAFault() throws {
        let pair = try Pair()
        try pair.driver.setAvailableIndex(9)
        #expect(pair.popFault() == .availableIndexJump(from: 0, to: 9, queueSize: 8))
        try pair.driver.setAvailableIndex(0xffff)
        #expect(pair.popFault() == .availableIndexJump(from: 0, to: 0xffff, queueSize: 8))
    }

    @Test func aReadableBufferAfterAWritableOneIsAFault() throws {
        let pair = try Pair()
        try pair.driver.add([.writable(1), .readable([1])])
        #expect(pair.popFault() == .readableAfterWritable(index: 1))
        // An empty one does not hide the order either.
        let other = try Pair()
        try other.driver.add([.writable(0), .readable([1])])
        #expect(other.popFault() == .readableAfterWritable(index: 1))
    }

    @Test func aBufferThatWrapsAroundIsAFault() throws {
        let pair = try Pair()
        try pair.driver.add([.range(UInt64.max - 3, 8, writable: true)])
        #expect(pair.popFault() == .addressOverflow(address: GuestAddress(UInt64.max - 3), sizeInBytes: 8))
    }

    @Test func aChainBeyondFourGiBIsAFault() throws {
        let pair = try Pair()
        try pair.driver.add([.range(0, .max, writable: false), .range(0, 1, writable: true)])
        let whole = try pair.popChain()
        #expect(whole.readableSizeInBytes + whole.writableSizeInBytes == 1 << 32)
        try pair.driver.add([.range(0, .max, writable: false), .range(0, 2, writable: true)])
        #expect(pair.popFault() == .chainTooLarge)
    }

    @Test func ringsThatWentAwayAreAFault() throws {
        let pair = try Pair()
        try pair.driver.add([.readable([1])])
        let chain = try pair.popChain()
        pair.memory.removeRegion(at: GuestAddress(0))
        guard case .memory = pair.push(chain, written: 0) else {
            Issue.record("a push into nothing went well")
            return
        }
        guard case .memory = pair.popFault() else {
            Issue.record("a pop from nothing went well")
            return
        }
    }

    // MARK: Notifications

    @Test func theNoInterruptFlagIsHonoured() throws {
        let pair = try Pair(features: 0)
        try pair.driver.setNoInterrupt(true)
        try pair.driver.add([.writable(1)])
        #expect(pair.push(try pair.popChain(), written: 1) == nil)
        #expect(!pair.shouldNotify())
        try pair.driver.setNoInterrupt(false)
        #expect(!pair.shouldNotify(), "nothing was pushed since")
        try pair.driver.add([.writable(1)])
        #expect(pair.push(try pair.popChain(), written: 1) == nil)
        #expect(pair.shouldNotify())
    }

    @Test func theUsedEventIsHonoured() throws {
        let pair = try Pair(features: RingFeature.eventIndex)
        try pair.driver.setUsedEvent(1)
        var answers: [Bool] = []
        for _ in 0..<3 {
            try pair.driver.add([.writable(1)])
            #expect(pair.push(try pair.popChain(), written: 1) == nil)
            answers.append(pair.shouldNotify())
        }
        #expect(answers == [false, true, false])
    }

    @Test func anEmptyQueueAsksForANotification() throws {
        let pair = try Pair(features: RingFeature.eventIndex)
        try pair.driver.add([.writable(1)])
        try pair.driver.add([.writable(1)])
        _ = try pair.popChain()
        #expect(try pair.driver.availableEvent() == 0, "no need to ask while there is work")
        _ = try pair.popChain()
        #expect(pair.pop() == .empty)
        #expect(try pair.driver.availableEvent() == 2)
    }

    // MARK: Configuration

    @Test(arguments: [UInt16(0), 3, 96, 512])
    func aSizeThatIsNoneIsRefused(size: UInt16) throws {
        let memory = try GuestMemory.zeroed(sizeInBytes: 1 << 20)
        let configuration = Virtqueue.Configuration(
            size: size, descriptorTable: GuestAddress(0x1000), availableRing: GuestAddress(0x8000),
            usedRing: GuestAddress(0x10000))
        #expect(throws: QueueConfigurationFault.size(size, largest: 256)) {
            try Virtqueue(configuration, features: 0, largestSize: 256, in: memory)
        }
    }

    @Test(
        arguments: [(0x1008, 0x8000, 0x10000), (0x1000, 0x8001, 0x10000), (0x1000, 0x8000, 0x10002)]
            as [(UInt64, UInt64, UInt64)])
    func misalignedRingsAreRefused(table: UInt64, available: UInt64, used: UInt64) throws {
        let memory = try GuestMemory.zeroed(sizeInBytes: 1 << 20)
        let configuration = Virtqueue.Configuration(
            size: 8, descriptorTable: GuestAddress(table), availableRing: GuestAddress(available),
            usedRing: GuestAddress(used))
        let fault = #expect(throws: QueueConfigurationFault.self) {
            try Virtqueue(configuration, features: 0, largestSize: 256, in: memory)
        }
        guard case .misaligned = fault else {
            Issue.record("refused for another reason: \(String(describing: fault))")
            return
        }
    }

    @Test func ringsThatLeaveMemoryAreRefused() throws {
        let memory = try GuestMemory.zeroed(sizeInBytes: 1 << 20)
        let configuration = Virtqueue.Configuration(
            size: 8, descriptorTable: GuestAddress(0x1000), availableRing: GuestAddress(0x2000),
            usedRing: GuestAddress(1 << 20 - 64))
        #expect(throws: QueueConfigurationFault.notMapped(GuestAddress(1 << 20 - 64), sizeInBytes: 70)) {
            try Virtqueue(configuration, features: 0, largestSize: 256, in: memory)
        }
    }
}
