extension String {
    /// Text with %XX for bytes (RFC 3986, section 2.1). What is no such triplet stands for itself; bytes that are no UTF-8 become
    /// U+FFFD.
    ///
    /// - Parameter plusIsSpace: as in the query of a form (application/x-www-form-urlencoded).
    public init(percentDecoding text: some StringProtocol, plusIsSpace: Bool = false) {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let code = Self.byte(ofDigits: rest.prefix(2)) {
                bytes.append(code)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        self.init(decoding: bytes, as: UTF8.self)
    }

    private static func byte(ofDigits digits: ArraySlice<UInt8>) -> UInt8? {
        guard digits.count == 2 else { return nil }
        var value: UInt8 = 0
        for digit in digits {
            guard let number = Character(UnicodeScalar(digit)).hexDigitValue else { return nil }
            value = value << 4 | UInt8(number)
        }
        return value
    }
}
