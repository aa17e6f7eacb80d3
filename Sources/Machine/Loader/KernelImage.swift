public import LinuxSystem
public import Memory

/// A vmlinux (ELF-64 executable, System V gABI 4 and x86-64 psABI) whose headers have been read and checked.
///
/// The file is hostile until the checks are done: nothing is read into guest memory before all of them passed, and
/// every loop is bounded by `maxProgramHeaders`.
public struct KernelImage: Equatable, Sendable {
    /// A PT_LOAD segment: file bytes at the start of a range of guest memory, zeros in the rest of it.
    public struct Segment: Equatable, Sendable {
        public let fileOffset: UInt64
        public let sizeInFile: UInt64
        /// Physical addresses, at or above 1 MiB and below 3 GiB.
        public let range: GuestRange
        /// The kernel writes to most of its pages (p_flags: PF_W without PF_X). Code that a boot alone needs is writable
        /// too, but most of it is never written.
        public let isData: Bool
    }

    /// Linux has 5 (text, data, percpu, init, note).
    public static let maxProgramHeaders: UInt16 = 64
    static let headerSize = 64
    static let programHeaderSize = 56

    /// In file order, disjoint, none empty.
    public let segments: [Segment]
    /// The physical address where the kernel is entered in 64-bit mode.
    public let entry: GuestAddress

    /// The lowest segment's first address.
    public var start: GuestAddress { segments.map(\.range.start).min() ?? AddressMap.highMemory }

    /// The first address behind the last segment, its zeros (BSS, brk) included.
    public var end: GuestAddress { segments.map(\.range.end).max() ?? AddressMap.highMemory }

    /// Reads and checks the headers of an open file.
    public init(reading file: OwnedDescriptor) throws(LoaderError) {
        let fileSize = try Self.attempt { () throws(SystemError) in try file.sizeInBytes() }
        guard fileSize >= Self.headerSize else { throw .truncated(sizeInBytes: fileSize) }
        let header = FieldReader(try Self.read(Self.headerSize, at: 0, of: file))
        try Self.check(header, of: file, fileSize: fileSize)

        let count = header.u16(56)
        guard header.u16(54) == Self.programHeaderSize else { throw .programHeaderSize(header.u16(54)) }
        guard (1...Self.maxProgramHeaders).contains(count) else { throw .programHeaderCount(count) }
        let offset = header.u64(32)
        let size = Int(count) * Self.programHeaderSize
        guard offset <= fileSize, UInt64(size) <= fileSize - offset else {
            throw .programHeadersBeyondFile(offset: offset, count: count, fileSize: fileSize)
        }
        let table = FieldReader(try Self.read(size, at: offset, of: file))

        var segments: [Segment] = []
        for index in 0..<Int(count) {
            guard let segment = try Self.segment(table, index, fileSize: fileSize) else { continue }
            if let other = segments.first(where: { $0.range.overlaps(segment.range) }) {
                throw .segmentsOverlap(other.range, segment.range)
            }
            segments.append(segment)
        }
        guard !segments.isEmpty else { throw .nothingToLoad }
        self.segments = segments
        entry = GuestAddress(header.u64(24))
        guard segments.contains(where: { $0.range.contains(entry) }) else { throw .entryOutsideSegments(entry: entry) }
    }

    /// e_ident, e_type and e_machine (gABI 4.1, ELF header).
    private static func check(_ header: FieldReader, of file: OwnedDescriptor, fileSize: UInt64) throws(LoaderError) {
        guard header.u32(0) == 0x464c_457f else {
            // boot.rst: a bzImage has "HdrS" at offset 0x202.
            if fileSize >= 0x206, FieldReader(try read(4, at: 0x202, of: file)).u32(0) == 0x5372_6448 {
                throw .compressedKernel
            }
            throw .notELF
        }
        guard header.u8(4) == 2 else { throw .not64Bit(elfClass: header.u8(4)) }
        guard header.u8(5) == 1 else { throw .notLittleEndian(encoding: header.u8(5)) }
        guard header.u16(16) == 2 else { throw .notExecutable(type: header.u16(16)) }
        guard header.u16(18) == 62 else { throw .notX86(machine: header.u16(18)) }
    }

    /// The segment of a program header; nil where it is nothing to load (gABI 5.1, program header).
    private static func segment(_ table: FieldReader, _ index: Int, fileSize: UInt64) throws(LoaderError) -> Segment? {
        let base = index * programHeaderSize
        guard table.u32(base) == 1 else { return nil }
        let offset = table.u64(base + 8)
        let address = table.u64(base + 24)
        let inFile = table.u64(base + 32)
        let inMemory = table.u64(base + 40)
        guard inMemory > 0 || inFile > 0 else { return nil }
        guard inFile <= inMemory else { throw .segmentLargerInFile(index: index, inFile: inFile, inMemory: inMemory) }
        guard offset <= fileSize, inFile <= fileSize - offset else {
            throw .segmentBeyondFile(index: index, offset: offset, sizeInBytes: inFile, fileSize: fileSize)
        }
        guard let range = GuestRange(start: GuestAddress(address), sizeInBytes: inMemory),
            range.end <= AddressMap.endOfLowBase
        else { throw .segmentAddress(index: index, address: address, sizeInBytes: inMemory) }
        guard range.start >= AddressMap.highMemory else { throw .segmentTooLow(index: index, range: range) }
        let flags = table.u32(base + 4)
        return Segment(fileOffset: offset, sizeInFile: inFile, range: range, isData: flags & 0b11 == 0b10)
    }

    private static func read(_ count: Int, at offset: UInt64, of file: OwnedDescriptor) throws(LoaderError) -> [UInt8] {
        try attempt { () throws(SystemError) in try file.read(exactly: count, at: offset) }
    }

    static func attempt<Value>(_ action: () throws(SystemError) -> Value) throws(LoaderError) -> Value {
        do { return try action() } catch { throw .unreadable(error) }
    }
}

extension KernelImage {
    /// Lets guest memory, which is fresh, begin as the segments of the file. Whole pages show the file until the guest
    /// changes them, so that VMs of one kernel share what none of them changes; data is copied at once, since it is
    /// changed anyway, and each page on its own would cost two exits. What is zero in the segments is left untouched.
    public func load(from file: OwnedDescriptor, into memory: GuestMemory) throws(LoaderError) {
        for segment in segments {
            guard memory.isMapped(segment.range.start, sizeInBytes: segment.range.sizeInBytes),
                let bytes = GuestRange(start: segment.range.start, sizeInBytes: segment.sizeInFile)
            else {
                throw .memory(.notMapped(address: segment.range.start, sizeInBytes: segment.range.sizeInBytes))
            }
            do {
                if segment.isData {
                    try memory.load(bytes, from: file, at: segment.fileOffset)
                } else {
                    try memory.show(bytes, of: file, at: segment.fileOffset)
                }
            } catch { throw .memory(error) }
        }
    }
}

/// Little-endian fields of a byte array at fixed offsets, which the caller keeps within it.
struct FieldReader {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func u8(_ offset: Int) -> UInt8 { bytes[offset] }
    func u16(_ offset: Int) -> UInt16 { UInt16(field(offset, 2)) }
    func u32(_ offset: Int) -> UInt32 { UInt32(field(offset, 4)) }
    func u64(_ offset: Int) -> UInt64 { field(offset, 8) }

    private func field(_ offset: Int, _ width: Int) -> UInt64 {
        bytes[offset..<offset + width].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
