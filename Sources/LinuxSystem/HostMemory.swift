import Glibc

/// Reads the host's memory figures again and again, also behind walls where there is no /proc. Any thread may use it.
public struct HostMemoryFile: Sendable {
    private let file: OwnedDescriptor

    public init() throws(SystemError) { file = try OwnedDescriptor(opening: "/proc/meminfo", flags: O_RDONLY) }

    /// Nil where they cannot be read.
    public var memory: HostMemory? {
        (try? file.read(exactly: HostMemory.sizeOfText, at: 0)).flatMap { HostMemory(parsing: $0) }
    }
}

/// The host's memory in bytes, as /proc/meminfo has it (proc_meminfo(5)).
public struct HostMemory: Equatable, Sendable {
    /// How much of the file is needed: its first lines, in bytes.
    static let sizeOfText = 128

    public let total: UInt64
    /// What could be had without swapping, as the kernel estimates it.
    public let available: UInt64

    public init(total: UInt64, available: UInt64) {
        self.total = total
        self.available = available
    }

    /// Nil where /proc does not have them.
    public static func current() -> HostMemory? {
        guard let bytes = try? FileSystem.contents(of: "/proc/meminfo", atMost: sizeOfText) else { return nil }
        return HostMemory(parsing: bytes)
    }

    /// The total alone, by one call (sysconf(3), "_SC_PHYS_PAGES"); nil where the host does not say.
    public static var total: UInt64? {
        let (pages, size) = (sysconf(CInt(_SC_PHYS_PAGES)), sysconf(CInt(_SC_PAGESIZE)))
        return pages > 0 && size > 0 ? UInt64(pages) * UInt64(size) : nil
    }

    /// Of the file's first bytes; nil where one of the two lines is missing or has no number.
    public init?(parsing text: [UInt8]) {
        guard let total = Self.value("MemTotal:", text), let available = Self.value("MemAvailable:", text) else {
            return nil
        }
        self.init(total: total, available: available)
    }

    /// Of a line "NAME   NUMBER kB".
    private static func value(_ name: String, _ text: [UInt8]) -> UInt64? {
        let lines = text.split(separator: UInt8(ascii: "\n"))
        guard let line = lines.first(where: { $0.starts(with: name.utf8) }) else { return nil }
        let digits = line.drop { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            .prefix { $0 != UInt8(ascii: " ") }
        guard let kibibytes = UInt64(String(decoding: digits, as: UTF8.self)), kibibytes < 1 << 54 else { return nil }
        return kibibytes << 10
    }
}
