import LinuxSystem
import Machine
import Memory
import Testing

@Suite struct KernelImageTests {
    @Test func segmentsAreReadIntoMemory() throws {
        var elf = ELFFile()
        elf.segments = [
            .init(address: 0x10_0000, sizeInFile: 8), .init(type: 4, address: 0),
            .init(offset: 0x1008, address: 0x20_0000, sizeInFile: 8, sizeInMemory: 8),
        ]
        let file = try memoryFile(elf.bytes)
        let kernel = try KernelImage(reading: file)
        #expect(kernel.segments.map(\.range) == [range(0x10_0000, 0x2000), range(0x20_0000, 8)])
        #expect(kernel.end == GuestAddress(0x20_0008))
        #expect(kernel.entry == GuestAddress(0x10_0000))

        let memory = try freshMemory(4 << 20)
        try kernel.load(from: file, into: memory)
        #expect(try memory.read(9, at: GuestAddress(0x10_0000)) == [1, 2, 3, 4, 5, 6, 7, 8, 0])
        #expect(try memory.read(8, at: GuestAddress(0x20_0000)) == [9, 10, 11, 12, 13, 14, 15, 16])
    }

    /// 4 MiB of memory with a kernel's segments in them, none of whose bytes is zero.
    private struct Loaded {
        let file: OwnedDescriptor
        let payload: [UInt8]
        let mapping: Mapping
        let memory = GuestMemory()

        init(_ segment: ELFFile.Segment) throws {
            payload = (0..<Int(segment.sizeInFile)).map { UInt8(truncatingIfNeeded: $0 >> 4 | 1) }
            var elf = ELFFile()
            elf.segments = [segment]
            elf.payload = payload
            file = try memoryFile(elf.bytes)
            mapping = try Mapping(.anonymous, sizeInBytes: 4 << 20)
            try memory.addRegion(at: GuestAddress(0), backedBy: mapping)
            try KernelImage(reading: file).load(from: file, into: memory)
        }
    }

    @Test func whatTheGuestDoesNotChangeIsTheFile() throws {
        let loaded = try Loaded(.init(address: 0x10_0000, sizeInFile: 0x3008, sizeInMemory: 0x5000))
        // The three whole pages are shared; the bytes behind them were read, and take a page.
        #expect(loaded.mapping.privateBytes == 4096)
        #expect(try loaded.memory.read(0x3008, at: GuestAddress(0x10_0000)) == loaded.payload)
        #expect(try loaded.memory.read(0x100, at: GuestAddress(0x10_3008)) == [UInt8](repeating: 0, count: 0x100))
        try loaded.memory.write([0xcc], at: GuestAddress(0x10_1000))
        #expect(loaded.mapping.privateBytes == 8192)
        #expect(try loaded.file.read(exactly: 0x3008, at: 0x1000) == loaded.payload)
    }

    @Test func dataIsCopied() throws {
        let loaded = try Loaded(.init(flags: 6, address: 0x10_0000, sizeInFile: 0x2000))
        #expect(loaded.mapping.privateBytes == 0x2000)
        #expect(try loaded.memory.read(0x2000, at: GuestAddress(0x10_0000)) == loaded.payload)
    }

    @Test func aSegmentBeyondTheMemoryIsRefused() throws {
        var elf = ELFFile()
        elf.segments[0].sizeInMemory = 8 << 20
        let file = try memoryFile(elf.bytes)
        let kernel = try KernelImage(reading: file)
        #expect(
            throws: LoaderError.memory(.notMapped(address: GuestAddress(0x10_0000), sizeInBytes: 8 << 20))
        ) { try kernel.load(from: file, into: freshMemory(4 << 20)) }
    }

    private static func changed(_ change: (inout ELFFile) -> Void) -> [UInt8] {
        var elf = ELFFile()
        change(&elf)
        return elf.bytes
    }

    private static var bzImage: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 0x1000)
        bytes.put(UInt32(0x5372_6448), at: 0x202)
        return bytes
    }

    static let broken: [([UInt8], LoaderError)] = [
        ([], .truncated(sizeInBytes: 0)),
        (Array(ELFFile().bytes.prefix(63)), .truncated(sizeInBytes: 63)),
        (Array("#!/bin/sh\necho this is no kernel at all; it is only a script\n# padding\n".utf8), .notELF),
        (bzImage, .compressedKernel),
        (changed { $0.elfClass = 1 }, .not64Bit(elfClass: 1)),
        (changed { $0.encoding = 2 }, .notLittleEndian(encoding: 2)),
        (changed { $0.machine = 183 }, .notX86(machine: 183)),
        (changed { $0.type = 3 }, .notExecutable(type: 3)),
        (changed { $0.headerSize = 0 }, .programHeaderSize(0)),
        (changed { $0.headerSize = 32 }, .programHeaderSize(32)),
        (changed { $0.headerCount = 0 }, .programHeaderCount(0)),
        (changed { $0.headerCount = 0xffff }, .programHeaderCount(0xffff)),
        (
            changed { $0.headerOffset = 0x1000 },
            .programHeadersBeyondFile(offset: 0x1000, count: 1, fileSize: 0x1010)
        ),
        (
            changed { $0.headerOffset = .max - 10 },
            .programHeadersBeyondFile(offset: .max - 10, count: 1, fileSize: 0x1010)
        ),
        (changed { $0.segments[0].type = 4 }, .nothingToLoad),
        (
            changed { $0.segments[0].offset = .max - 7 },
            .segmentBeyondFile(index: 0, offset: .max - 7, sizeInBytes: 16, fileSize: 0x1010)
        ),
        (
            changed { $0.segments[0].sizeInFile = 17 },
            .segmentBeyondFile(index: 0, offset: 0x1000, sizeInBytes: 17, fileSize: 0x1010)
        ),
        (
            changed {
                $0.segments[0].sizeInFile = 4 << 30
                $0.segments[0].sizeInMemory = 4 << 30
            }, .segmentBeyondFile(index: 0, offset: 0x1000, sizeInBytes: 4 << 30, fileSize: 0x1010)
        ),
        (
            changed { $0.segments[0].sizeInMemory = 15 },
            .segmentLargerInFile(index: 0, inFile: 16, inMemory: 15)
        ),
        (
            changed { $0.segments[0].sizeInMemory = .max },
            .segmentAddress(index: 0, address: 0x10_0000, sizeInBytes: .max)
        ),
        (
            changed { $0.segments[0].address = 0xc000_0000 },
            .segmentAddress(index: 0, address: 0xc000_0000, sizeInBytes: 0x2000)
        ),
        (changed { $0.entry = 0x10_2000 }, .entryOutsideSegments(entry: GuestAddress(0x10_2000))),
    ]

    @Test(arguments: broken.indices)
    func aBrokenFileIsRefusedByName(index: Int) throws {
        let (bytes, error) = Self.broken[index]
        let file = try memoryFile(bytes)
        #expect(throws: error) { try KernelImage(reading: file) }
        #expect(!error.description.contains("\n"))
    }

    @Test func aSegmentInReservedMemoryIsRefused() throws {
        var elf = ELFFile()
        elf.segments[0].address = 0xf_f000
        let error = try LoaderError.segmentTooLow(index: 0, range: #require(range(0xf_f000, 0x2000)))
        #expect(throws: error) { try elf.kernel() }
    }

    @Test func overlappingSegmentsAreRefused() throws {
        var elf = ELFFile()
        elf.segments = [.init(), .init(address: 0x10_1fff)]
        let error = try LoaderError.segmentsOverlap(
            #require(range(0x10_0000, 0x2000)), #require(range(0x10_1fff, 0x2000)))
        #expect(throws: error) { try elf.kernel() }
    }

    @Test func aDirectoryIsRefused() throws {
        let directory = try OwnedDescriptor(opening: "/", flags: 0)
        #expect(throws: LoaderError.self) { try KernelImage(reading: directory) }
    }
}
