import Devices

/// A snapshot's state file: a header, then sections as `StateWriter` writes them.
///
/// | bytes | field |
/// |---|---|
/// | 0–7 | "czone-st" |
/// | 8–11 | version |
/// | 12–19 | how many bytes follow the header |
/// | 20–27 | their checksum |
///
/// All integers are little-endian. The checksum finds damage, not malice: a process that can write into the store can do worse.
public enum StateFile {
    public static let version: UInt32 = 2
    /// No machine has more: 32 processors of 20 KiB, 256 devices of some KiB.
    public static let maxBytes = 16 << 20
    static let headerLength = 28
    private static let magic = Array("czone-st".utf8)

    /// The file's bytes for what follows the header.
    static func bytes(of body: [UInt8]) -> [UInt8] {
        var header = StateWriter()
        header.write(version)
        header.write(UInt64(body.count))
        header.write(checksum(of: body[...]))
        return magic + header.bytes + body
    }

    /// What follows the header, if the file is whole and as it was written.
    public static func body(of bytes: [UInt8]) throws(SnapshotError) -> [UInt8] {
        guard bytes.count >= headerLength, bytes.starts(with: magic) else { throw .notAState }
        var header = StateReader(Array(bytes[magic.count..<headerLength]))
        let (found, length, sum): (UInt32, UInt64, UInt64)
        do throws(StateError) {
            (found, length, sum) = (try header.read(), try header.read(), try header.read())
        } catch { throw .state(error) }
        guard found == version else { throw .version(found, expected: version) }
        let body = bytes[headerLength...]
        guard UInt64(body.count) == length else {
            throw .length(UInt64(bytes.count), expected: length &+ UInt64(headerLength))
        }
        guard checksum(of: body) == sum else { throw .checksum }
        return Array(body)
    }

    /// FNV-1a over 64-bit words, the last one filled up with zeros, and over the length.
    static func checksum(of bytes: ArraySlice<UInt8>) -> UInt64 {
        let prime: UInt64 = 0x100_0000_01b3
        var sum: UInt64 = 0xcbf2_9ce4_8422_2325
        var word: UInt64 = 0
        var filled: UInt64 = 0
        for byte in bytes {
            word |= UInt64(byte) << filled
            filled += 8
            guard filled == 64 else { continue }
            sum = (sum ^ word) &* prime
            // Multiplication carries only upwards: without this the top bits of a word would hardly count.
            sum ^= sum >> 29
            (word, filled) = (0, 0)
        }
        sum = (sum ^ word) &* prime
        return (sum ^ sum >> 29 ^ UInt64(bytes.count)) &* prime
    }
}
