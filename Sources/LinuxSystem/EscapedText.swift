public import SystemPackage

// Paths, arguments and variables are bytes for Linux, of no encoding. As text, which JSON and Swift's strings are, a byte
// that belongs to no UTF-8 is written as U+0000 and the character that is 0x100 above it: the bytes themselves hold no
// zero, so that no two of them are written alike, and text is written as it is.

extension String {
    /// What these bytes say, each that is no UTF-8 written so that `init(unescaping:)` of an array gives it back.
    public init(escaping bytes: some Collection<UInt8>) {
        if let text = String(validating: bytes, as: UTF8.self) {
            self = text
            return
        }
        var scalars = String.UnicodeScalarView()
        var rest = bytes[...]
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        parsing: while true {
            switch parser.parseScalar(from: &iterator) {
            case .valid(let encoded):
                scalars.append(Unicode.UTF8.decode(encoded))
                rest = rest.dropFirst(encoded.count)
            case .error(let count):
                for byte in rest.prefix(count) {
                    scalars.append("\u{0}")
                    scalars.append(Self.escape(byte))
                }
                rest = rest.dropFirst(count)
            case .emptyInput: break parsing
            }
        }
        self = String(scalars)
    }

    private static func escape(_ byte: UInt8) -> Unicode.Scalar {
        // U+0180 to U+01FF: every one a scalar.
        Unicode.Scalar(0x100 + UInt16(byte)) ?? "\u{FFFD}"
    }
}

extension [UInt8] {
    /// The bytes that `String(escaping:)` wrote as this text. A U+0000 that begins none of them stays.
    public init(unescaping text: String) {
        self = Array(text.utf8)
        guard contains(0) else { return }
        removeAll()
        var scalars = text.unicodeScalars[...]
        while let scalar = scalars.popFirst() {
            if scalar == "\u{0}", let next = scalars.first, (0x180...0x1FF).contains(next.value) {
                append(UInt8(next.value - 0x100))
                scalars.removeFirst()
            } else {
                append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
            }
        }
    }
}

extension FilePath {
    /// The path whose bytes were written as this text.
    public init(unescaping text: String) {
        let bytes = [UInt8](unescaping: text).prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
        self.init(platformString: bytes)
    }
}
