import Glibc
import LinuxSystem
import TestSupport
import Testing

@testable import Supervisor

@Suite struct FileQueueTests {
    private let loop: EventLoop
    private let threads = WorkerThreads()
    private let disk: DiskWork
    private let directory: TemporaryDirectory

    init() throws {
        loop = try EventLoop()
        disk = try DiskWork(on: loop, threads)
        directory = try TemporaryDirectory()
    }

    private func queue(maxFileBytes: Int = 1 << 20) throws -> FileQueue {
        let file = try OwnedDescriptor(opening: "\(directory.path)/file", flags: O_WRONLY | O_CREAT)
        return FileQueue([file], disk, maxFileBytes: maxFileBytes)
    }

    @Test func bytesKeepTheirOrderAndRoomComesAgain() throws {
        let queue = try queue()
        var happened: [String] = []
        queue.append(Array("first ".utf8))
        queue.whenWritten { happened.append("first") }
        // One piece is under way, and what follows gathers.
        queue.append([UInt8](repeating: UInt8(ascii: "x"), count: FileQueue.maxQueuedBytes))
        #expect(!queue.hasRoom)
        queue.whenRoom { happened.append("room") }
        queue.whenWritten { happened.append("all") }
        #expect(happened.isEmpty)
        try threads.start(1, named: "disk")
        #expect(disk.finish(withinMilliseconds: 10_000))
        #expect(happened == ["room", "first", "all"])
        let text = try contents(of: "\(directory.path)/file")
        #expect(text.starts(with: Array("first x".utf8)) && text.count == 6 + FileQueue.maxQueuedBytes)
    }

    @Test func aFileThatIsFullStartsAgain() throws {
        let queue = try queue(maxFileBytes: 10)
        for text in ["12345678", "abcd"] {
            queue.append(Array(text.utf8))
            if text == "12345678" { try threads.start(1, named: "disk") }
            #expect(disk.finish(withinMilliseconds: 10_000))
        }
        #expect(try contents(of: "\(directory.path)/file") == Array("abcd".utf8))
    }

    @Test func filesAreWrittenInTurn() throws {
        let files = try (0..<3).map {
            try OwnedDescriptor(opening: "\(directory.path)/\($0)", flags: O_WRONLY | O_CREAT | O_APPEND)
        }
        let queue = FileQueue(files, disk, maxFileBytes: 10)
        try threads.start(1, named: "disk")
        for number in 0..<5 {
            queue.append(Array("\(number)234567\n".utf8))
            #expect(disk.finish(withinMilliseconds: 10_000))
        }
        let texts = try (0..<3).map { String(decoding: try contents(of: "\(directory.path)/\($0)"), as: UTF8.self) }
        #expect(texts == ["3234567\n", "4234567\n", "2234567\n"])
    }

    @Test func anEndDoesNotWaitForEver() throws {
        let queue = try queue()
        queue.append([1])
        #expect(!disk.finish(withinMilliseconds: 20))
    }
}
