import ControlProtocol
import Glibc
import LinuxSystem
import OCI
import Synchronization
import SystemPackage
import Testing

@testable import Runtime

@Test func linesAndPartsOfLinesAreRead() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path.appending("log").string
    let writer = try OwnedDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_APPEND)
    var reader = LogReader([try OwnedDescriptor(opening: path, flags: O_RDONLY)])
    try writer.write(all: Array("T1 stdout F hello world\nT2 stderr P par\nT3 std".utf8))
    #expect(
        try reader.next() == [
            LogReader.Entry(time: "T1", isError: false, text: Array("hello world\n".utf8)),
            LogReader.Entry(time: "T2", isError: true, text: Array("par".utf8)),
        ])
    #expect(try reader.next() == [])
    try writer.write(all: Array("out F \nnonsense\n".utf8))
    #expect(try reader.next() == [LogReader.Entry(time: "T3", isError: false, text: [0x0A])])
}

@Test func aLogThatBeganAnewIsReadFromItsBeginning() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path.appending("log").string
    let writer = try OwnedDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_APPEND)
    var reader = LogReader([try OwnedDescriptor(opening: path, flags: O_RDONLY)])
    try writer.write(all: Array("T1 stdout F one\nT1 stdout F two\n".utf8))
    #expect(try reader.next().count == 2)
    #expect(ftruncate(writer.rawValue, 0) == 0)
    try writer.write(all: Array("T2 stdout F x\n".utf8))
    #expect(try reader.next().map(\.text) == [Array("x\n".utf8)])
}

/// As a VM writes them, and a reader that comes late to some.
@Test func filesThatAreWrittenInTurnAreReadInTheirOrder() throws {
    let directory = try TemporaryDirectory()
    let paths = (0..<3).map { directory.path.appending("log.\($0)").string }
    let writers = try paths.map { try OwnedDescriptor(opening: $0, flags: O_WRONLY | O_CREAT | O_APPEND) }
    var reader = LogReader(try paths.map { try OwnedDescriptor(opening: $0, flags: O_RDONLY) })
    func write(_ number: Int) throws {
        let file = writers[number / 2 % 3]
        if number % 2 == 0 { try file.truncate() }
        try file.write(all: Array("2026-11-29T00:00:0\(number)Z stdout F \(number)\n".utf8))
    }
    func read() throws -> String {
        var text = ""
        while true {
            let entries = try reader.next()
            if entries.isEmpty { return text }
            text += entries.map { String(decoding: $0.text.dropLast(), as: UTF8.self) }.joined()
        }
    }
    #expect(try read().isEmpty)
    for number in 0..<3 { try write(number) }
    #expect(try read() == "012")
    for number in 3..<6 { try write(number) }
    #expect(try read() == "345")
    // What it had not read of the first file is gone.
    for number in 6..<10 { try write(number) }
    #expect(try read() == "6789")
    var late = LogReader(try paths.map { try OwnedDescriptor(opening: $0, flags: O_RDONLY) })
    #expect(try late.next().count == 2)
    (reader, late) = (late, reader)
    #expect(try read() == "6789")
}

@Test func aContainersLogIsInTheStoreAndGoesWithIt() throws {
    let starter = FakeStarter()
    let bench = try Bench(starter)
    let placed = try bench.place("one")
    let directory = try #require(try placed.container.record()?.logDirectory)
    #expect(directory.hasPrefix(bench.directory.path.appending("logs").string))
    #expect(try FileSystem.names(in: directory)?.sorted() == ["log", "log.1", "log.2"])
    let request = try #require(starter.machines[0].state.withLock(\.requests).first)
    #expect(request.log == .init(fileCount: 3, maxFileBytes: 16 << 20))
    #expect(request.descriptorCount == 4)
    starter.machines[0].die()
    try bench.registry.cleanUp()
    #expect(try FileSystem.status(directory) != nil)
    try placed.container.remove()
    #expect(try FileSystem.status(directory) == nil)
}

@Test func logsThatARegistryHasLostAreRemovedByItsFirstContainer() throws {
    let bench = try Bench()
    let logs = ContainerLogs(of: bench.registry, besides: bench.store.root)
    let lost = logs.directory(of: "lost")
    try FileSystem.makeDirectories(FilePath(lost))
    try FileSystem.replace(lost + "/log", with: [1])
    let placed = try bench.place("one")
    #expect(try FileSystem.status(lost) == nil)
    #expect(try placed.container.record()?.logDirectory.map { try FileSystem.status($0) != nil } == true)
}

@Test func logOptionsAreNamedAsDockerNamesThem() throws {
    var options = LogOptions()
    for word in ["max-size=8M", "max-file=5"] { try options.set(word, origin: "--log-opt") }
    #expect(options.maxFileBytes == 8 << 20 && options.maxFiles == 5)
    for word in ["max-size=1K", "max-size", "max-file=0", "max-file=9", "max-file=x", "compress=true", "", "="] {
        #expect(throws: RuntimeError.self) { try options.set(word, origin: "--log-opt") }
    }
}

@Test func aDirectoryReportsWhenItsFilesGrow() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path.appending("log").string
    let writer = try OwnedDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_APPEND)
    let watch = try FileWatch(directory: directory.path.string)
    #expect(try !wait(for: [(watch.descriptor, .readable)], timeoutInMilliseconds: 0)[0].contains(.readable))
    try writer.write(all: [1])
    #expect(try wait(for: [(watch.descriptor, .readable)], timeoutInMilliseconds: 5000)[0].contains(.readable))
    watch.drain()
    #expect(try !wait(for: [(watch.descriptor, .readable)], timeoutInMilliseconds: 0)[0].contains(.readable))
}
