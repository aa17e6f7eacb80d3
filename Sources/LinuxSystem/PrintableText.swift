/// A value of unknown origin for a message: bounded, on one line, without control characters.
public func quoted(_ text: String) -> String { "\"\(printable(text, atMost: 256))\"" }

/// The same without quotation marks.
public func printable(_ text: String, atMost most: Int = 4096) -> String {
    // Of bytes that are no UTF-8, the reader gets U+FFFD.
    let text = text.utf8.contains(0) ? String(decoding: [UInt8](unescaping: text), as: UTF8.self) : text
    var shown = ""
    for scalar in text.unicodeScalars.prefix(most) {
        let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
        shown.unicodeScalars.append(isControl ? "?" : scalar)
    }
    return text.unicodeScalars.count > most ? shown + "…" : shown
}
