import Devices
import Memory
import Testing
import TestSupport
import Virtio

/// A device that remembers the calls that it gets.
private final class Probe: VirtioDevice {
    var type: DeviceType { .entropy }
    var offeredFeatures: UInt64 { 0b11 }
    var requiredFeatures: UInt64 = 0
    var queueSizes: [UInt16] { [8, 16] }
    var configuration: [UInt8] = [1, 2, 3, 4, 5, 6]
    var activation: Activation?
    var activationCount = 0
    var resetCount = 0
    var notified: [Int] = []
    var value: UInt32 = 0

    func writeConfiguration(_ bytes: [UInt8], offset: Int) {
        configuration.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }
    func activate(_ activation: Activation) {
        self.activation = activation
        activationCount += 1
    }
    func handleNotification(queue: Int) { notified.append(queue) }
    func reset() {
        activation = nil
        resetCount += 1
    }
    func save(to writer: inout StateWriter) { writer.write(value) }
    func restore(from reader: inout StateReader) throws(StateError) { value = try reader.read() }
}

@Suite struct MMIOTransportTests {
    private let probe = Probe()
    private let driver: TestDriver
    private typealias Status = TestDriver.Status

    init() throws { driver = TestDriver(probe, memory: try GuestMemory.zeroed(sizeInBytes: 2 << 20)) }

    // MARK: Registers

    @Test func theDeviceSaysWhatItIs() {
        #expect(driver.read(.magicValue) == 0x7472_6976)
        #expect(driver.read(.version) == 2)
        #expect(driver.read(.deviceID) == 4)
        #expect(driver.read(.vendorID) == 0x4e4f_5a43)
        #expect(driver.deviceFeatures == 0b11 | 1 << 28 | 1 << 29 | 1 << 32)
        driver.write(2, to: .deviceFeaturesSelect)
        #expect(driver.read(.deviceFeatures) == 0)
    }

    @Test func thereIsNoSharedMemoryAndNoQueueReset() {
        driver.write(0, to: .sharedMemorySelect)
        #expect(driver.read(.sharedMemoryLengthLow) == .max)
        #expect(driver.read(.sharedMemoryLengthHigh) == .max)
        #expect(driver.read(.queueReset) == 0)
    }

    @Test func queuesSayTheirLargestSize() {
        let sizes = (0..<3 as Range<UInt32>).map { index in
            driver.write(index, to: .queueSelect)
            return driver.read(.queueSizeMax)
        }
        #expect(sizes == [8, 16, 0])
    }

    @Test(arguments: [1, 2, 8])
    func registersAreThirtyTwoBitsWide(width: Int) {
        #expect(driver.transport.read(offset: 0, width: width) == 0)
        driver.transport.write(1, offset: TestDriver.Register.status.rawValue, width: width)
        #expect(driver.status == 0)
    }

    @Test func configurationIsReadAndWrittenInItsBounds() {
        #expect(driver.configuration(0, as: UInt32.self) == 0x0403_0201)
        #expect(driver.configuration(4, as: UInt32.self) == 0x0605)
        #expect(driver.configuration(6, as: UInt8.self) == 0)
        #expect(driver.transport.read(offset: .max, width: 8) == 0)
        driver.transport.write(0xffff, offset: 0x100, width: 2)
        #expect(probe.configuration[0] == 1, "no driver yet")
        driver.start()
        driver.transport.write(0xaabb, offset: 0x101, width: 2)
        driver.transport.write(.max, offset: 0x104, width: 4)
        driver.transport.write(.max, offset: .max, width: 8)
        #expect(probe.configuration == [1, 0xbb, 0xaa, 4, 5, 6])
    }

    // MARK: Negotiation

    @Test func aDriverComesUp() {
        driver.start()
        #expect(driver.status == 15)
        #expect(driver.transport.isRunning)
        #expect(probe.activation?.features == driver.deviceFeatures)
        #expect(probe.activation?.queues.keys.sorted() == [0, 1])
        driver.notify(1)
        driver.notify(2)
        #expect(probe.notified == [1])
        #expect(driver.transport.violationCount == 0)
    }

    private static let version1: UInt64 = 1 << 32
    /// None at all, those of the device alone, one that is not offered, ACCESS_PLATFORM, RING_RESET.
    private static let badFeatures: [UInt64] = [0, 3, version1 | 4, version1 | 1 << 33, version1 | 1 << 40]

    @Test(arguments: badFeatures)
    func featuresThatCannotBeAreRefused(features: UInt64) {
        #expect(!driver.negotiate(features: features))
        driver.addStatus(Status.driverOK)
        #expect(probe.activationCount == 0)
    }

    @Test func aRequiredFeatureMustBeAccepted() {
        probe.requiredFeatures = 2
        #expect(!driver.negotiate(features: 1 << 32 | 1))
        #expect(driver.negotiate(features: 1 << 32 | 2))
    }

    @Test func featuresAreFrozenByFeaturesOK() {
        driver.negotiate(features: 1 << 32)
        driver.write(0, to: .driverFeaturesSelect)
        driver.write(3, to: .driverFeatures)
        #expect(driver.needsReset)
        #expect(driver.transport.violationCount == 1)
    }

    @Test(arguments: [2, 4, 8, 5, 7] as [UInt32])
    func statusBitsOutOfOrderNeedAReset(status: UInt32) {
        driver.write(status, to: .status)
        #expect(driver.needsReset)
        #expect(probe.activationCount == 0)
    }

    @Test func aStatusBitCannotBeTakenBack() {
        driver.start()
        driver.write(3, to: .status)
        #expect(driver.needsReset)
    }

    @Test func aResetStartsAnew() {
        driver.start()
        driver.write(0, to: .status)
        #expect(driver.status == 0)
        #expect(probe.activation == nil)
        driver.write(0, to: .queueSelect)
        #expect(driver.read(.queueReady) == 0)
        driver.notify(0)
        #expect(probe.notified == [])
        driver.start()
        #expect(probe.activationCount == 2)
    }

    @Test func aDriverThatGaveUpReachesNothing() {
        driver.start()
        driver.addStatus(Status.failed)
        driver.notify(0)
        #expect(probe.notified == [])
        #expect(!driver.transport.isRunning)
    }

    // MARK: Queues

    /// CVE-2026-5747: rings that move after they were checked.
    @Test(arguments: [
        TestDriver.Register.queueSize, .queueReady, .descriptorLow, .descriptorHigh, .driverLow, .driverHigh,
        .deviceLow, .deviceHigh,
    ])
    func queuesAreFrozenByDriverOK(register: TestDriver.Register) throws {
        driver.start()
        let queue = try #require(probe.activation?.queues[0])
        driver.write(0, to: .queueSelect)
        driver.write(0xffff_fff0, to: register)
        #expect(driver.needsReset)
        #expect(driver.transport.violationCount == 1)
        try driver.queues[0].add([.readable([1])])
        #expect(queue.pop() == nil, "the queue has ended")
        #expect(queue.size == 8)
    }

    @Test func aReadyQueueIsFrozen() {
        driver.negotiate()
        driver.setUp(queue: 0, as: driver.queues[0].configuration)
        driver.write(4, to: .queueSize)
        #expect(driver.needsReset)
    }

    @Test func queuesAreConfiguredAfterTheFeaturesOnly() {
        driver.write(0, to: .status)
        driver.write(0, to: .queueSelect)
        driver.write(8, to: .queueSize)
        #expect(driver.needsReset)
    }

    private static let badConfigurations: [@Sendable (inout Virtqueue.Configuration) -> Void] = [
        { configuration in configuration.size = 0 },
        { configuration in configuration.size = 7 },
        { configuration in configuration.size = 32 },
        { configuration in configuration.descriptorTable = GuestAddress(0x10008) },
        { configuration in configuration.availableRing = GuestAddress(0x10081) },
        { configuration in configuration.usedRing = GuestAddress(0x10102) },
        { configuration in configuration.descriptorTable = GuestAddress(1 << 40) },
        { configuration in configuration.availableRing = GuestAddress(2 << 20 - 8) },
        { configuration in configuration.usedRing = GuestAddress(UInt64.max - 7) },
    ]

    @Test(arguments: badConfigurations)
    func ringsThatCannotBeNeedAReset(change: @Sendable (inout Virtqueue.Configuration) -> Void) {
        var configuration = driver.queues[0].configuration
        change(&configuration)
        driver.negotiate()
        driver.setUp(queue: 0, as: configuration)
        driver.addStatus(Status.driverOK)
        #expect(driver.needsReset)
        #expect(probe.activationCount == 0)
        #expect(driver.line.count == 1, "notified by a configuration change")
    }

    @Test func aSizeBeyondSixteenBitsIsNoSize() {
        driver.negotiate()
        driver.setUp(queue: 0, as: driver.queues[0].configuration)
        driver.write(1, to: .queueSelect)
        driver.setUp(queue: 1, as: driver.queues[1].configuration)
        driver.write(0, to: .queueReady)
        driver.write(0x1_0008, to: .queueSize)
        driver.write(1, to: .queueReady)
        driver.addStatus(Status.driverOK)
        #expect(driver.needsReset)
    }

    @Test func aQueueThatIsNotReadyIsNotGiven() {
        driver.negotiate()
        driver.setUp(queue: 1, as: driver.queues[1].configuration)
        driver.addStatus(Status.driverOK)
        #expect(probe.activation?.queues.keys.sorted() == [1])
        driver.notify(0)
        #expect(probe.notified == [])
    }

    // MARK: Interrupts

    @Test func eachUsedBufferRaisesTheLine() throws {
        driver.start()
        let queue = try #require(probe.activation?.queues[0])
        for round in 1...2 {
            try driver.queues[0].add([.writable(1)])
            try driver.queues[0].setUsedEvent(UInt16(round - 1))
            queue.push(try #require(queue.pop()))
            queue.notifyIfNeeded()
            #expect(driver.line.count == round)
        }
        #expect(driver.read(.interruptStatus) == 1)
        #expect(driver.acknowledge() == 1)
        #expect(driver.read(.interruptStatus) == 0)
        #expect(driver.line.count == 2)
    }

    @Test func anAcknowledgementThatLeavesAReasonRaisesTheLineAgain() {
        driver.start()
        probe.activation?.driver.notifyUsedBuffers()
        probe.activation?.driver.notifyConfigurationChange()
        #expect(driver.line.count == 2)
        driver.write(1, to: .interruptAcknowledge)
        #expect(driver.line.count == 3)
        #expect(driver.read(.interruptStatus) == 2)
        driver.write(2, to: .interruptAcknowledge)
        #expect(driver.line.count == 3)
    }

    @Test func theGenerationRisesWithTheConfiguration() {
        driver.negotiate()
        driver.transport.notifyConfigurationChange()
        #expect(driver.read(.configurationGeneration) == 1)
        #expect(driver.line.count == 0, "no interrupt before DRIVER_OK")
    }

    @Test func aViolationIsReportedOnceAndCountedEachTime() {
        driver.start()
        probe.activation?.driver.reportProtocolViolation("first")
        probe.activation?.driver.reportProtocolViolation("second")
        #expect(driver.transport.violationCount == 2)
        #expect(driver.transport.lastViolation == "second")
        #expect(driver.line.count == 1)
        #expect(driver.acknowledge() == 2)
        driver.notify(0)
        #expect(probe.notified == [])
        driver.addStatus(0)
        #expect(driver.needsReset, "only a reset takes it away")
        driver.write(0, to: .status)
        #expect(driver.status == 0)
    }

    // MARK: State

    private func saved() -> [UInt8] {
        var writer = StateWriter()
        driver.transport.save(to: &writer)
        return writer.bytes
    }

    @Test func aRestoredDeviceGoesOn() throws {
        driver.start()
        for _ in 0..<3 { try driver.queues[0].add([.writable(4)]) }
        let before = try #require(probe.activation?.queues[0])
        before.push(try #require(before.pop()), written: 4)
        probe.activation?.driver.notifyUsedBuffers()
        probe.value = 77

        let other = Probe()
        let line = CountingLine()
        let transport = MMIOTransport(other, memory: driver.memory, interrupt: line)
        var reader = StateReader(saved())
        try transport.restore(from: &reader)
        #expect(reader.remaining == 0)
        #expect(other.value == 77)
        #expect(transport.isRunning)
        #expect(line.count == 0)
        transport.resume()
        #expect(line.count == 1, "the interrupt that was not acknowledged")
        #expect(other.notified == [0, 1])
        let queue = try #require(other.activation?.queues[0])
        #expect(queue.pop()?.head == 1)
        queue.push(try #require(queue.pop()), written: 2)
        #expect(try driver.queues[0].takeUsed() == [.init(head: 0, written: 4), .init(head: 2, written: 2)])
    }

    @Test func everyAlteredStateIsRefusedOrSafe() throws {
        driver.start()
        let bytes = saved()
        for place in bytes.indices {
            for mask in [UInt8(0xff), 0x80, 1] {
                var altered = bytes
                altered[place] ^= mask
                let transport = MMIOTransport(Probe(), memory: driver.memory, interrupt: CountingLine())
                var reader = StateReader(altered)
                do throws(StateError) {
                    try transport.restore(from: &reader)
                    transport.resume()
                } catch {
                    #expect(!transport.isRunning)
                }
            }
        }
    }

    @Test func everyTruncatedStateIsRefused() throws {
        driver.start()
        let bytes = saved()
        for count in bytes.indices {
            let other = Probe()
            let transport = MMIOTransport(other, memory: driver.memory, interrupt: CountingLine())
            var reader = StateReader([UInt8](bytes.prefix(count)))
            #expect(throws: StateError.self) { try transport.restore(from: &reader) }
            #expect(!transport.isRunning)
            #expect(other.activation == nil)
        }
    }
}
