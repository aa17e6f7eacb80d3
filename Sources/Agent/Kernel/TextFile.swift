/// A small file of the kernel's, as it was when it was read.
struct TextFile {
    let bytes: [UInt8]

    /// Reads it whole, at most so many bytes; empty where it cannot be read.
    init(_ path: String, in directory: Int32 = Kernel.here, max: Int = 256 << 10) {
        let file = Kernel.open(path, OpenFlag.read, in: directory)
        guard file >= 0 else {
            bytes = []
            return
        }
        bytes = TextFile.contents(of: file, atMost: max)
        Kernel.close(file)
    }

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    static func contents(of file: Int32, atMost limit: Int) -> [UInt8] {
        var contents: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while contents.count < limit {
            let count = Kernel.read(file, into: &buffer)
            if count <= 0 { break }
            contents += buffer.prefix(count)
        }
        return contents
    }

    /// The decimal number at its start; `UInt64.max` for "max".
    var number: UInt64 { TextFile.number(in: bytes[...]) }

    /// The number after this word at the beginning of a line ("anon 4096"); 0 where there is no such line.
    func number(after word: StaticString) -> UInt64 { TextFile.number(in: rest(after: word)) }

    /// All that follows this word at the beginning of a line; empty where there is no such line.
    func rest(after word: StaticString) -> ArraySlice<UInt8> {
        var start = 0
        while start < bytes.count {
            if let rest = bytes[start...].dropping(word) { return rest }
            while start < bytes.count && bytes[start] != 0x0A { start += 1 }
            start += 1
        }
        return []
    }

    /// The first number in these bytes.
    static func number(in bytes: ArraySlice<UInt8>) -> UInt64 {
        let text = bytes.drop { $0 == 0x20 || $0 == 0x09 }
        if text.first == UInt8(ascii: "m") { return .max }
        var value: UInt64 = 0
        for byte in text {
            guard byte >= 0x30, byte <= 0x39 else { break }
            value = value &* 10 &+ UInt64(byte - 0x30)
        }
        return value
    }

    /// A hexadecimal number that these bytes begin with, and what follows it.
    static func hexadecimal(in bytes: ArraySlice<UInt8>) -> (value: UInt64, rest: ArraySlice<UInt8>) {
        var value: UInt64 = 0
        var position = bytes.startIndex
        while position < bytes.endIndex {
            let byte = bytes[position]
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt64(byte - 0x30)
            case 0x61...0x66: value = value << 4 | UInt64(byte - 0x61 + 10)
            default: return (value, bytes[position...])
            }
            position += 1
        }
        return (value, bytes[position...])
    }
}

extension ArraySlice<UInt8> {
    /// What follows a word that these bytes begin with, up to a space, tab, or colon after it.
    func dropping(_ word: StaticString) -> ArraySlice<UInt8>? {
        let count = word.utf8CodeUnitCount
        guard self.count > count, starts(with: word) else { return nil }
        let next = self[startIndex + count]
        return next == 0x20 || next == 0x09 || next == UInt8(ascii: ":") ? self[(startIndex + count + 1)...] : nil
    }
}

/// open(2) flags.
enum OpenFlag {
    static let read: Int32 = 0
    static let write: Int32 = 1
    static let readWrite: Int32 = 2
    static let create: Int32 = 0o100
    static let exclusive: Int32 = 0o200
    static let noTerminal: Int32 = 0o400
    static let truncate: Int32 = 0o1000
    static let nonblocking: Int32 = 0o4000
    static let directory: Int32 = 0o200000
    static let noFollow: Int32 = 0o400000
    static let path: Int32 = 0o10000000
}

/// Writes a value into a file of the kernel's: opened, written, closed.
func writeValue(_ value: String, to path: String, in directory: Int32 = Kernel.here, _ step: Step) throws(Failure) {
    let file = try check(Kernel.open(path, OpenFlag.write, in: directory), step, "open \(path)")
    let result = Kernel.write(file, value)
    Kernel.close(file)
    try check(result, step, "write \(value) to \(path)")
}
