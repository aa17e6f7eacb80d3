import LeanJSON
import LinuxSystem
import Logging

/// One event as one line: bounded, and without a character that ends a line or steers a terminal, whatever a guest put
/// into its texts.
struct LogLine {
    /// POSIX's PIPE_BUF on Linux (pipe(7)): a write of at most so many bytes is never mixed with another process's.
    static let maxBytes = 4096
    private static let maxMessageBytes = 2048
    private static let maxValueBytes = 256
    private static let maxValues = 12

    let time: Timestamp
    let program: String
    let level: Logger.Level
    let message: String
    /// In the order in which they are shown.
    let values: [(key: String, value: String)]

    init(_ event: LogEvent, program: String, metadata: Logger.Metadata, time: Timestamp = .now) {
        self.time = time
        self.program = program
        level = event.level
        message = Self.cleaned(event.message.description, to: Self.maxMessageBytes)
        let own = event.metadata ?? [:]
        var values = metadata.merging(own) { $1 }.sorted { $0.key < $1.key }.prefix(Self.maxValues).map {
            (key: $0.key, value: Self.cleaned($0.value.description, to: Self.maxValueBytes))
        }
        if let error = event.error { values.append(("error", Self.cleaned("\(error)", to: Self.maxValueBytes))) }
        self.values = values
    }

    /// `TIME PROGRAM: LEVEL: MESSAGE (KEY=VALUE, …)`. Of critical level, which is a process's last, without time and level.
    func text(withTime: Bool) -> [UInt8] {
        var line = level == .critical ? "" : withTime ? "\(time) " : ""
        line += level == .critical ? "\(program): " : "\(program): \(level.rawValue): "
        line += message
        if !values.isEmpty { line += " (" + values.map { "\($0.key)=\($0.value)" }.joined(separator: ", ") + ")" }
        return Self.ended(Array(line.utf8))
    }

    /// Members: `time`, `level`, `program`, `message`, then the event's own, sorted; these never hide the former.
    var json: [UInt8] {
        var writer = JSONWriter()
        writer.text("time", "\(time)")
        writer.text("level", level.rawValue)
        writer.text("program", program)
        writer.text("message", message)
        for (key, value) in values where !Self.reserved.contains(key) { writer.text(key, value) }
        return writer.object + [UInt8(ascii: "\n")]
    }

    private static let reserved = ["time", "level", "program", "message"]

    /// Without control characters, and of at most so many bytes of UTF-8.
    private static func cleaned(_ text: String, to limit: Int) -> String {
        var shown = ""
        var count = 0
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            // Line and paragraph separators end a line too where Unicode is taken at its word.
            let isSeparator = scalar.value == 0x2028 || scalar.value == 0x2029
            let character: Unicode.Scalar = isControl || isSeparator ? "?" : scalar
            count += UTF8.width(character)
            guard count <= limit else { return shown + "…" }
            shown.unicodeScalars.append(character)
        }
        return shown
    }

    private static func ended(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= maxBytes else { return bytes + [UInt8(ascii: "\n")] }
        // Not in the midst of a character: UTF-8's continuation bytes are 0b10xxxxxx.
        var end = maxBytes - 1
        while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        return Array(bytes[..<end]) + [UInt8(ascii: "\n")]
    }
}
