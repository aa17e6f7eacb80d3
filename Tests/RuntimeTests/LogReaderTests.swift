import Glibc
import LinuxSystem
import SystemPackage
import Testing

@testable import Runtime

@Test func linesAndPartsOfLinesAreRead() throws {
    let folder = try TemporaryFolder()
    let path = folder.path.appending("log").string
    let writer = try OwnedDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_APPEND)
    var reader = LogReader(try OwnedDescriptor(opening: path, flags: O_RDONLY))
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
    let folder = try TemporaryFolder()
    let path = folder.path.appending("log").string
    let writer = try OwnedDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_APPEND)
    var reader = LogReader(try OwnedDescriptor(opening: path, flags: O_RDONLY))
    try writer.write(all: Array("T1 stdout F one\nT1 stdout F two\n".utf8))
    #expect(try reader.next().count == 2)
    #expect(ftruncate(writer.rawValue, 0) == 0)
    try writer.write(all: Array("T2 stdout F x\n".utf8))
    #expect(try reader.next().map(\.text) == [Array("x\n".utf8)])
}

@Test func aFolderTellsWhenItsFilesGrow() throws {
    let folder = try TemporaryFolder()
    let path = folder.path.appending("log").string
    let writer = try OwnedDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_APPEND)
    let watch = try FileWatch(folder: folder.path.string)
    #expect(try !wait(for: [(watch.descriptor, .readable)], timeoutInMilliseconds: 0)[0].contains(.readable))
    try writer.write(all: [1])
    #expect(try wait(for: [(watch.descriptor, .readable)], timeoutInMilliseconds: 5000)[0].contains(.readable))
    watch.drain()
    #expect(try !wait(for: [(watch.descriptor, .readable)], timeoutInMilliseconds: 0)[0].contains(.readable))
}
