import LinuxSystem

/// How far the host's processor reaches: as it says itself, else as /proc/cpuinfo has it (proc_cpuinfo(5)), which takes the
/// kernel a millisecond to write.
public enum PhysicalAddresses {
    /// The first processor's part of the file is in this much, in bytes.
    private static let sizeOfText = 4096
    /// What every processor with virtualization has.
    static let least = 36

    /// Bits of a physical address: 36 to 52; 39 where /proc does not have it.
    public static func bits() -> Int {
        if let bits = CurrentProcess.physicalAddressBits { return bits }
        let text = (try? FileSystem.contents(of: "/proc/cpuinfo", atMost: sizeOfText)) ?? nil
        return text.flatMap(bits(parsing:)) ?? 39
    }

    /// Of a line "address sizes : 46 bits physical, 48 bits virtual"; nil where there is none.
    static func bits(parsing text: [UInt8]) -> Int? {
        let lines = text.split(separator: UInt8(ascii: "\n"))
        guard let line = lines.first(where: { $0.starts(with: "address sizes".utf8) }) else { return nil }
        let digits = line.drop { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            .prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard let bits = Int(String(decoding: digits, as: UTF8.self)), (least...52).contains(bits) else { return nil }
        return bits
    }
}
