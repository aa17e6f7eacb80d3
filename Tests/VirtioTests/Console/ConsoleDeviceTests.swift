import Glibc
import LinuxSystem
import Memory
import Testing
import TestSupport
import Virtio

/// The host's side of a console: a pipe for its output, and what the console said.
private final class Terminal: ConsoleHost {
    let reading: OwnedDescriptor
    let writing: OwnedDescriptor
    var wants: [Bool] = []
    var blocked: [Bool] = []

    init() throws {
        var ends: [CInt] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        (reading, writing) = (OwnedDescriptor(taking: ends[0]), OwnedDescriptor(taking: ends[1]))
        try reading.setNonBlocking()
        try writing.setNonBlocking()
    }

    func consoleWantsInput(_ wants: Bool) { self.wants.append(wants) }
    func consoleIsBlocked(_ blocked: Bool) { self.blocked.append(blocked) }

    func takeOutput() -> [UInt8] {
        var bytes: [UInt8] = []
        while let more = try? reading.read(atMost: 1 << 16), !more.isEmpty { bytes += more }
        return bytes
    }
}

@Suite struct ConsoleDeviceTests {
    private let terminal: Terminal
    private let console: ConsoleDevice
    private let driver: TestDriver
    private static let receive = 0
    private static let transmit = 1

    init() throws {
        terminal = try Terminal()
        console = ConsoleDevice(
            output: terminal.writing, host: terminal, size: ConsoleSize(columns: 80, rows: 25))
        driver = TestDriver(console, memory: try GuestMemory.zeroed(sizeInBytes: 1 << 20))
        driver.start()
    }

    @Test func outputReachesTheHost() throws {
        try driver.queues[1].add([.readable(Array("hello, ".utf8)), .readable(Array("host".utf8))])
        driver.notify(1)
        #expect(terminal.takeOutput() == Array("hello, host".utf8))
        #expect(try driver.queues[1].takeUsed().count == 1)
        #expect(driver.acknowledge() == 1)
    }

    @Test func outputWaitsForASlowReader() throws {
        let lines = (0..<40).map { [UInt8](repeating: UInt8($0), count: 5000) }
        for line in lines { try driver.queues[1].add([.readable(line)]) }
        driver.notify(1)
        var output: [UInt8] = []
        // A pipe takes 64 KiB; each round empties it and lets the console go on.
        for _ in 0..<20 where output.count < 200_000 {
            output += terminal.takeOutput()
            if console.isBlocked { console.outputIsWritable() }
            for queue in driver.repeater.take() { driver.transport.handleNotification(queue: queue) }
        }
        #expect(output == lines.flatMap { $0 })
        #expect(try driver.queues[1].takeUsed().count == 40)
        #expect(terminal.blocked.first == true)
        #expect(terminal.blocked.last == false)
    }

    @Test func oneNotificationMovesABoundedAmount() throws {
        let file = try MemoryFile(name: "output", sizeInBytes: 1 << 20)
        let console = ConsoleDevice(output: file.descriptor, host: nil)
        let driver = TestDriver(console, memory: try GuestMemory.zeroed(sizeInBytes: 1 << 20))
        driver.start()
        for _ in 0..<3 { try driver.queues[1].add([.readable([UInt8](repeating: 7, count: 50_000))]) }
        driver.notify(1)
        #expect(try driver.queues[1].takeUsed().count == 1)
        #expect(driver.repeater.take() == [1])
        driver.notify(1)
        #expect(driver.repeater.take() == [1])
        driver.notify(1)
        #expect(try driver.queues[1].takeUsed().count == 2)
        #expect(driver.repeater.take() == [])
        #expect(try file.descriptor.read(exactly: 150_000, at: 0) == [UInt8](repeating: 7, count: 150_000))
    }

    @Test func outputThatNobodyReadsIsThrownAway() throws {
        let full = try OwnedDescriptor(opening: "/dev/full", flags: O_WRONLY)
        let driver = TestDriver(
            ConsoleDevice(output: full, host: nil), memory: try GuestMemory.zeroed(sizeInBytes: 1 << 20))
        driver.start()
        try driver.queues[1].add([.readable([1, 2, 3])])
        driver.notify(1)
        #expect(try driver.queues[1].takeUsed().count == 1)
        #expect(!driver.needsReset)
    }

    @Test func inputReachesTheGuest() throws {
        #expect(console.receive([1, 2, 3]) == 0, "the guest has no buffer yet")
        let first = try driver.queues[0].add([.writable(2)])
        let second = try driver.queues[0].add([.writable(16)])
        driver.notify(0)
        #expect(terminal.wants == [true])
        #expect(console.receive([1, 2, 3]) == 3)
        #expect(try driver.queues[0].takeUsed().map(\.written) == [2, 1])
        #expect(try driver.queues[0].bytes(of: first, from: 0, count: 2) == [1, 2])
        #expect(try driver.queues[0].bytes(of: second, from: 0, count: 1) == [3])
        #expect(terminal.wants == [true, false])
    }

    @Test func inputIsTakenOnlyAsFarAsThereAreBuffers() throws {
        try driver.queues[0].add([.writable(2)])
        driver.notify(0)
        #expect(console.receive([1, 2, 3, 4]) == 2)
        #expect(!console.wantsInput)
    }

    @Test func aResetTakesTheWishForInputBack() throws {
        try driver.queues[0].add([.writable(2)])
        driver.notify(0)
        driver.write(0, to: .status)
        #expect(terminal.wants == [true, false])
        #expect(console.receive([1]) == 0)
    }

    @Test func theSizeIsOfferedAndFollowed() {
        #expect(driver.configuration(0, as: UInt16.self) == 80)
        #expect(driver.configuration(2, as: UInt16.self) == 25)
        let generation = driver.read(.configurationGeneration)
        console.resize(ConsoleSize(columns: 132, rows: 50))
        #expect(driver.configuration(0, as: UInt32.self) == 50 << 16 | 132)
        #expect(driver.read(.configurationGeneration) != generation)
        #expect(driver.acknowledge() == 2)
    }

    @Test(arguments: [0, 1])
    func aBufferOutsideOfMemoryNeedsAReset(queue: Int) throws {
        try driver.queues[queue].add([.range(1 << 40, 64, writable: queue == Self.receive)])
        driver.notify(queue)
        _ = console.receive([1])
        #expect(driver.needsReset)
    }

    @Test func aHalfWrittenBufferSurvivesARestore() throws {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 251) }
        try driver.queues[1].add([.readable(bytes)])
        driver.notify(1)
        while let queue = driver.repeater.take().first { driver.transport.handleNotification(queue: queue) }
        #expect(console.isBlocked)
        var writer = StateWriter()
        driver.transport.save(to: &writer)

        let restored = ConsoleDevice(
            output: terminal.writing, host: nil, size: ConsoleSize(columns: 80, rows: 25))
        let transport = MMIOTransport(restored, memory: driver.memory, interrupt: driver.line)
        var reader = StateReader(writer.bytes)
        try transport.restore(from: &reader)
        var output = terminal.takeOutput()
        transport.resume()
        output += terminal.takeOutput()
        #expect(output == bytes)
    }
}
