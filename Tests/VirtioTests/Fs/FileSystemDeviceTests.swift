import Devices
import LinuxSystem
import Memory
import Synchronization
import TestSupport
import Testing
import Virtio

/// Jobs that are done when the test says so, as threads do them some time.
private final class JobList: Sendable {
    private let jobs = Mutex<[@Sendable () -> Void]>([])

    func add(_ job: @escaping @Sendable () -> Void) { jobs.withLock { $0.append(job) } }
    var count: Int { jobs.withLock { $0.count } }

    func doNext() { jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }?() }
    func doAll() { while count > 0 { doNext() } }
}

@Suite struct FileSystemDeviceTests {
    private let jobs = JobList()
    private let device: FileSystemDevice
    private let driver: TestDriver

    /// Answers with the request's bytes turned round, and with nothing where there is no room.
    init() throws {
        let memory = try GuestMemory.zeroed(sizeInBytes: 4 << 20)
        device = FileSystemDevice(
            FileSystemDevice.Configuration(
                tag: "share", maxRequestBytes: 4096,
                answer: { request, room in Array(request.reversed().prefix(room)) },
                perform: { [jobs] in jobs.add($0) }), lock: Lock())
        driver = TestDriver(device, memory: memory)
        driver.start()
    }

    private let request = (0..<64).map { UInt8($0) }

    @Test func theConfigurationNamesTheShare() {
        #expect(driver.read(.deviceID) == 26)
        #expect((0..<5).map { driver.configuration($0, as: UInt8.self) } == Array("share".utf8))
        #expect(driver.configuration(5, as: UInt8.self) == 0)
        #expect(driver.configuration(36, as: UInt32.self) == 1)
    }

    @Test func anAnswerComesWhenTheJobIsDone() throws {
        let added = try driver.queues[1].add([
            .readable(Array(request[..<40])), .readable(Array(request[40...])), .writable(100),
        ])
        driver.notify(1)
        #expect(try driver.queues[1].takeUsed().isEmpty)
        #expect(!device.isIdle)
        jobs.doAll()
        #expect(try driver.queues[1].takeUsed() == [.init(head: UInt32(added.head), written: 64)])
        #expect(try driver.queues[1].bytes(of: added, from: 2, count: 64) == Array(request.reversed()))
        #expect(driver.line.count == 1)
        #expect(device.isIdle)
    }

    @Test func whatWantsNoAnswerIsGivenBack() throws {
        let added = try driver.queues[0].add([.readable(request)])
        driver.notify(0)
        jobs.doAll()
        #expect(try driver.queues[0].takeUsed() == [.init(head: UInt32(added.head), written: 0)])
    }

    @Test func onlySoManyAreUnderWay() throws {
        for _ in 0..<40 { try driver.queues[1].add([.readable(request), .writable(64)]) }
        driver.notify(1)
        #expect(jobs.count == 16)
        jobs.doNext()
        #expect(jobs.count == 16)
        #expect(try driver.queues[1].takeUsed().count == 1)
        jobs.doAll()
        #expect(try driver.queues[1].takeUsed().count == 39)
    }

    @Test(arguments: [0, 39, 4097]) func aRequestOfAWrongSizeNeedsAReset(_ count: Int) throws {
        try driver.queues[1].add([.readable([UInt8](repeating: 0, count: count)), .writable(64)])
        driver.notify(1)
        #expect(driver.needsReset)
        #expect(jobs.count == 0)
    }

    /// EFAULT as an answer to the request of these bytes: its length, the error, and the request's number.
    private func badAddress(_ header: [UInt8]) -> [UInt8] { [16, 0, 0, 0, 0xF2, 0xFF, 0xFF, 0xFF] + header[8..<16] }

    /// What programs choose is the data: it fails their request, and no other.
    @Test func dataOutsideOfMemoryFailsItsRequest() throws {
        let added = try driver.queues[1].add([
            .readable(Array(request[..<40])), .range(1 << 40, 24, writable: false), .writable(64),
        ])
        driver.notify(1)
        #expect(!driver.needsReset && jobs.count == 0)
        #expect(try driver.queues[1].takeUsed() == [.init(head: UInt32(added.head), written: 16)])
        #expect(try driver.queues[1].bytes(of: added, from: 2, count: 16) == badAddress(request))
    }

    @Test func roomOutsideOfMemoryFailsItsRequest() throws {
        let added = try driver.queues[1].add([
            .readable(request), .writable(16), .range(1 << 40, 64, writable: true),
        ])
        driver.notify(1)
        jobs.doAll()
        #expect(!driver.needsReset)
        #expect(try driver.queues[1].takeUsed() == [.init(head: UInt32(added.head), written: 16)])
        let answer = Array(request.reversed())
        #expect(try driver.memory.read(16, at: added.ranges[1].start) == badAddress(answer))
    }

    @Test func dataInAnImageIsRead() throws {
        let image = try Mapping(.anonymous, sizeInBytes: 4096)
        try driver.memory.addReadOnlyRegion(at: GuestAddress(1 << 32), backedBy: image)
        let added = try driver.queues[1].add([
            .readable(Array(request[..<40])), .range(1 << 32, 24, writable: false), .writable(64),
        ])
        driver.notify(1)
        jobs.doAll()
        let expected = [UInt8](repeating: 0, count: 24) + request[..<40].reversed()
        #expect(try driver.queues[1].bytes(of: added, from: 2, count: 64) == expected)
    }

    @Test func aHeaderOutsideOfMemoryNeedsAReset() throws {
        try driver.queues[1].add([.range(1 << 40, 64, writable: false), .writable(64)])
        driver.notify(1)
        #expect(driver.needsReset && jobs.count == 0)
    }

    @Test func anAnswerOfBeforeAResetReachesNobody() throws {
        for _ in 0..<20 { try driver.queues[1].add([.readable(request), .writable(64)]) }
        driver.notify(1)
        driver.start()
        #expect(!device.isIdle)
        // A driver that resets again and again cannot make the host remember more.
        driver.notify(1)
        #expect(jobs.count == 16)
        try driver.memory.write([UInt8](repeating: 7, count: 6), at: driver.queues[1].configuration.usedRing)
        while jobs.count > 0, !device.isIdle { jobs.doNext() }
        #expect(device.isIdle)
        #expect(!driver.needsReset)
    }

    @Test func itsStateIsItsQueues() throws {
        try driver.queues[1].add([.readable(request), .writable(64)])
        driver.notify(1)
        jobs.doAll()
        var writer = StateWriter()
        driver.transport.save(to: &writer)
        var reader = StateReader(writer.bytes)
        try driver.transport.restore(from: &reader)
        let added = try driver.queues[1].add([.readable(request), .writable(64)])
        driver.notify(1)
        jobs.doAll()
        #expect(try driver.queues[1].takeUsed().last == .init(head: UInt32(added.head), written: 64))
    }
}
