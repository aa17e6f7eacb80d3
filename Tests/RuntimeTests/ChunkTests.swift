import Glibc
import LinuxSystem
import TestSupport
import Testing

@testable import Runtime

/// A chunk with a byte of its own.
private func chunk(_ byte: UInt8) -> [UInt8] { [UInt8](repeating: byte, count: Int(ChunkIndex.chunkSize)) }

/// Bytes that no file system stores in less room.
private func randomChunk(_ seed: UInt64) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<Int(ChunkIndex.chunkSize)).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 56)
    }
}

extension Bench {
    /// A template whose memory has these chunks; nil is a hole.
    func makeTemplate(_ chunks: [[UInt8]?], arguments: String, limit: UInt64 = 1 << 30) throws -> TemplateKey {
        let key = try templateKey(arguments: arguments)
        try templates.make(key, chunkedRecord, limit: limit) { (directory, _) throws(RuntimeError) in
            try system { () throws(SystemError) in
                try FileSystem.replace("\(directory)/state", with: [1])
                let memory = try OwnedDescriptor(opening: "\(directory)/memory", flags: O_RDWR | O_CREAT)
                try memory.setSize(UInt64(chunks.count) * ChunkIndex.chunkSize)
                for (number, chunk) in chunks.enumerated() {
                    guard let chunk else { continue }
                    try memory.write(all: chunk, at: UInt64(number) * ChunkIndex.chunkSize)
                }
            }
            return 0
        }
        return key
    }
}

private let chunkedRecord = TemplateRecord(
    image: "test", imageDigest: "sha256:00", memoryInBytes: 256 << 20, virtualCPUs: 1, zoneCount: 16,
    zoneSizeInBytes: 128 << 20, isAlone: false, created: 5)

@Test func aTemplateIsCutIntoWhatIsNotZeros() throws {
    let bench = try Bench()
    let key = try bench.makeTemplate([chunk(1), nil, chunk(0), chunk(2), chunk(1), nil], arguments: "a")
    let index = try #require(try bench.templates.chunks(of: key.directoryName))
    #expect(index.memorySize == 6 << 16)
    #expect(index.chunks.map(\.number) == [0, 3, 4])
    #expect(index.chunks[0].digest == index.chunks[2].digest && index.chunks[0].digest == ChunkDigest(of: chunk(1)))
    #expect(try bench.templates.cut("0123456789abcdef0123456789abcdef") == nil)
}

@Test func anIndexThatIsNoGoodIsMadeAnew() throws {
    let bench = try Bench()
    let key = try bench.makeTemplate([chunk(1), chunk(2)], arguments: "a")
    let path = bench.templates.path("\(key.directoryName)/chunks")
    let good = try #require(try bench.templates.chunks(of: key.directoryName))
    try FileSystem.replace(path, with: good.bytes.dropLast() + [0xAA])
    let refusal = #expect(throws: RuntimeError.self) { try bench.templates.chunks(of: key.directoryName) }
    #expect("\(try #require(refusal))".contains("has changed since it was written"))
    #expect(try bench.templates.cut(key.directoryName) == good)
    #expect(try bench.templates.chunks(of: key.directoryName) == good)
}

/// The bytes of an index, with a checksum that fits whatever is in it.
private func indexBytes(size: UInt64, count: UInt32, _ entries: [(UInt32, UInt8)]) -> [UInt8] {
    var index = ChunkIndex(memorySize: 0, chunks: []).bytes.prefix(8) + size.littleEndianBytes
    index += count.littleEndianBytes
    for (number, byte) in entries { index += number.littleEndianBytes + [UInt8](repeating: byte, count: 32) }
    return index + ChunkDigest(of: Array(index)).bytes
}

@Test func anIndexOfSomebodyHostileIsRefused() throws {
    #expect(try ChunkIndex(indexBytes(size: 1 << 17, count: 2, [(0, 1), (1, 2)])).chunks.count == 2)
    #expect(try ChunkIndex(indexBytes(size: 70_000, count: 1, [(1, 2)])).chunks.count == 1)
    for bytes in [
        [], [UInt8](repeating: 0, count: 100),
        indexBytes(size: 1 << 17, count: 2, [(0, 1)]),  // more than there are
        indexBytes(size: 1 << 17, count: .max, [(0, 1)]),
        indexBytes(size: 1 << 17, count: 1, [(0, 1), (1, 2)]),
        indexBytes(size: 1 << 17, count: 2, [(1, 1), (0, 2)]),  // not ascending
        indexBytes(size: 1 << 17, count: 2, [(1, 1), (1, 2)]),
        indexBytes(size: 1 << 17, count: 1, [(2, 1)]),  // behind the end
        indexBytes(size: 1 << 60, count: 1, [(0, 1)]),
        Array(indexBytes(size: 1 << 17, count: 1, [(0, 1)]).dropLast()),
    ] {
        #expect(throws: ChunkIndexError.self, "\(bytes.count) bytes") { try ChunkIndex(bytes) }
    }
}

@Test func sharedBytesCountOnce() {
    var stored = StoredBytes()
    func extent(_ address: UInt64?, _ size: UInt64) -> FileExtent {
        FileExtent(offset: 0, sizeInBytes: size, address: address)
    }
    stored.add([extent(0, 100), extent(500, 50)], device: 1, of: "a")
    stored.add([extent(50, 100), extent(nil, 7)], device: 1, of: "b")
    // The same places of another medium.
    stored.add([extent(0, 10)], device: 2, of: "b")
    #expect(stored.total == 150 + 50 + 7 + 10)
    #expect(stored.own("a") == 50 + 50 && stored.own("b") == 50 + 7 + 10)
    // A file that shares with itself.
    stored.add([extent(1000, 5), extent(1000, 5)], device: 1, of: "c")
    #expect(stored.own("c") == 5)
    stored.remove("b")
    #expect(stored.total == 155 && stored.own("a") == 150)
}

/// Where blocks can be shared: a directory there, in a file system of a file's; nil where that cannot be mounted.
private func sharingFileSystem() -> MountedFile? {
    MountedFile("xfs", make: ["mkfs.xfs", "-q", "-m", "reflink=1"])
        ?? MountedFile("btrfs", make: ["mkfs.btrfs", "-q"])
}

@Test(
    .enabled(
        if: MountedFile.canBe(of: ["mkfs.xfs", "mkfs.btrfs"]), "needs root, a loop device, and mkfs.xfs or mkfs.btrfs"))
func equalChunksOfTwoTemplatesAreStoredOnce() throws {
    let medium = try #require(sharingFileSystem())
    let bench = try Bench(in: medium.path)
    let common: [[UInt8]] = (0..<32).map { randomChunk($0) }
    let first = try bench.makeTemplate(common, arguments: "a")
    let before = try bench.templates.storedBytes(of: bench.templates.entries()).total
    let memory = "\(bench.templates.path(first.directoryName))/memory"
    let status = try #require(try FileSystem.status(memory))
    // The same chunks at other places, and one more.
    let second = try bench.makeTemplate([nil] + common.reversed() + [randomChunk(99)], arguments: "b")
    let stored = try bench.templates.storedBytes(of: bench.templates.entries())
    #expect(stored.total - before < 200 << 10, "\(stored.total) behind \(before)")
    #expect(stored.own(second.directoryName) < 200 << 10)
    #expect(try FileSystem.status(memory) == status)
    // A page that differs costs a page.
    var changed = common
    changed[5][20_000] ^= 1
    let third = try bench.makeTemplate(changed, arguments: "page")
    #expect(try bench.templates.storedBytes(of: bench.templates.entries()).own(third.directoryName) < 64 << 10)
    #expect(try bench.templates.remove(third.directoryName))
    // What was shared is not removed with the other.
    #expect(try bench.templates.remove(first.directoryName))
    let index = try #require(try bench.templates.chunks(of: second.directoryName))
    let file = try OwnedDescriptor(
        opening: "\(bench.templates.path(second.directoryName))/memory", flags: O_RDONLY)
    #expect(try TemplateStore.index(of: file) == index)
    // The limit counts what they take: five that are alike have room for one and a half.
    for name in ["c", "d", "e"] {
        _ = try bench.makeTemplate(common + [randomChunk(100)], arguments: name, limit: 3 << 20)
    }
    #expect(try bench.templates.entries().count == 4)
}
