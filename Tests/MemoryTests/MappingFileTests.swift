import Glibc
import LinuxSystem
import Memory
import Testing

/// Memory that is written out sparsely, and mapped privately again.
@Suite struct MappingFileTests {
    private let path = "/var/tmp/czone-mapping-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    private let file: OwnedDescriptor

    init() throws { file = try OwnedDescriptor(opening: path, flags: O_RDWR | O_CREAT | O_EXCL) }

    /// A guest of 16 MiB with a few bytes in it.
    private func save() throws -> [UInt8] {
        defer { try? FileSystem.removeFile(path) }
        let memory = GuestMemory()
        let mapping = try Mapping(.anonymous, sizeInBytes: 16 << 20)
        try memory.addRegion(at: GuestAddress(0), backedBy: mapping)
        try memory.write([1, 2, 3], at: GuestAddress(4095))
        try memory.write([9], at: GuestAddress((16 << 20) - 1))
        try mapping.writeSparsely(to: file, at: 1 << 20)
        try file.setSize(17 << 20)
        return try memory.read(16 << 20, at: GuestAddress(0))
    }

    @Test func pagesOfZerosTakeNoRoom() throws {
        let saved = try save()
        #expect(try file.sizeInBytes() == 17 << 20)
        #expect(try file.status().allocatedBytes <= 64 << 10)
        #expect(try file.read(exactly: 16 << 20, at: 1 << 20) == saved)
    }

    @Test func writesOfAPrivateMappingStayInIt() throws {
        let saved = try save()
        let memory = GuestMemory()
        let mapping = try Mapping(copyOnWrite: file, offset: 1 << 20, sizeInBytes: 16 << 20)
        try memory.addRegion(at: GuestAddress(0), backedBy: mapping)
        #expect(try memory.read(16 << 20, at: GuestAddress(0)) == saved)
        #expect(mapping.privateBytes == 0)
        try memory.write([7], at: GuestAddress(4096))
        try memory.write([7], at: GuestAddress(8 << 20))
        #expect(mapping.privateBytes == 8192)
        #expect(try file.read(exactly: 16 << 20, at: 1 << 20) == saved)
        // What is given back shows the file again.
        try mapping.discard(offset: 0, sizeInBytes: 8192)
        #expect(mapping.privateBytes == 4096)
        #expect(try memory.read(3, at: GuestAddress(4095)) == [1, 2, 3])
        #expect(try memory.read(1, at: GuestAddress(8 << 20)) == [7])
    }

    @Test func pagesAreMadePrivateAheadOfTheirWrites() throws {
        let saved = try save()
        let mapping = try Mapping(copyOnWrite: file, offset: 1 << 20, sizeInBytes: 16 << 20)
        let memory = GuestMemory()
        try memory.addRegion(at: GuestAddress(0), backedBy: mapping)
        mapping.makePrivate(0..<2)
        mapping.makePrivate(9..<10)
        #expect(mapping.privatePages == [0..<2, 9..<10])
        #expect(try memory.read(16 << 20, at: GuestAddress(0)) == saved)
    }

    @Test func whatIsReadInHolesIsNobodys() throws {
        _ = try save()
        let shown = try Mapping(.shared(file, offset: 0), sizeInBytes: 17 << 20, writable: false)
        let before = shown.residentBytes
        let mapping = try Mapping(copyOnWrite: file, offset: 1 << 20, sizeInBytes: 16 << 20)
        let memory = GuestMemory()
        try memory.addRegion(at: GuestAddress(0), backedBy: mapping)
        #expect(try memory.read(4 << 20, at: GuestAddress(8 << 20)).allSatisfy { $0 == 0 })
        #expect(shown.residentBytes == before)
        #expect(mapping.privateBytes == 0)
    }

    @Test func dataIsFoundBetweenHoles() throws {
        defer { try? FileSystem.removeFile(path) }
        let all: [UInt64] = [0, 8192, 64 << 10, 1 << 20]
        let page: UInt64 = 4096
        let one = try Mapping(.anonymous, sizeInBytes: Int(page))
        one.touch(0..<1)
        for place in all { try one.writeSparsely(to: file, at: place) }
        try file.setSize(2 << 20)
        func data(in range: Range<UInt64>, bridging gap: UInt64 = 0, most: Int = 9) throws -> [Range<UInt64>] {
            try file.dataRanges(in: range, bridging: gap, atMost: most)
        }
        #expect(try data(in: 0..<2 << 20) == all.map { $0..<$0 + page })
        #expect(try data(in: 8192..<1 << 20) == all[1...2].map { $0..<$0 + page })
        #expect(try data(in: 0..<2 << 20, bridging: 8192) == [0..<3 * page] + all[2...].map { $0..<$0 + page })
        #expect(try data(in: 0..<2 << 20, most: 2) == [0..<page, 8192..<(1 << 20) + page])
        #expect(try data(in: (1 << 20) + page..<2 << 20).isEmpty)
    }
}
