import Glibc

/// What this process costs its host.
public enum ProcessMemory {
    /// Resident memory that is no file's (/proc/self/smaps_rollup, Anonymous), in bytes; 0 where /proc cannot tell.
    public static var anonymousBytes: UInt64 {
        guard let file = try? OwnedDescriptor(opening: "/proc/self/smaps_rollup", flags: O_RDONLY),
            let bytes = try? file.read(atMost: 4096)
        else { return 0 }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").reduce(0) { sum, line in
            guard line.hasPrefix("Anonymous:") else { return sum }
            return sum + (line.split(separator: " ").dropFirst().first.flatMap { UInt64($0) } ?? 0) << 10
        }
    }
}
