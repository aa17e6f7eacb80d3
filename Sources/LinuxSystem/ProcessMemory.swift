import Glibc

/// What this process costs its host, by files of /proc that are opened once: afterwards it may have no /proc.
public enum ProcessMemory {
    private static let summary = try? OwnedDescriptor(opening: "/proc/self/smaps_rollup", flags: O_RDONLY)
    /// An entry of 8 bytes for each page of the process's addresses (admin-guide/mm/pagemap.rst).
    static let pageMap = try? OwnedDescriptor(opening: "/proc/self/pagemap", flags: O_RDONLY)

    /// Opens them.
    public static func prepare() { _ = (summary, pageMap) }

    /// Resident memory that is no file's (/proc/self/smaps_rollup, Anonymous), in bytes; 0 where /proc does not have it.
    public static var anonymousBytes: UInt64 {
        guard let bytes = try? summary?.read(upTo: 4096, at: 0) else { return 0 }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").reduce(0) { sum, line in
            guard line.hasPrefix("Anonymous:") else { return sum }
            return sum + (line.split(separator: " ").dropFirst().first.flatMap { UInt64($0) } ?? 0) << 10
        }
    }
}
