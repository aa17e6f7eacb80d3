import Foundation

/// Writes tar archives entry by entry, with whatever names and sizes a test wants: also those that no tar program writes.
struct TarWriter {
    private(set) var bytes: [UInt8] = []

    mutating func file(
        _ name: String, _ content: String = "", mode: Int = 0o644, owner: (Int, Int) = (0, 0), time: Int = 1_000_000,
        attributes: [String: String] = [:]
    ) {
        pax(attributes.map { ("SCHILY.xattr.\($0.key)", $0.value) })
        add(name, type: "0", mode: mode, owner: owner, time: time, content: Array(content.utf8))
    }

    mutating func directory(_ name: String, mode: Int = 0o755, owner: (Int, Int) = (0, 0), time: Int = 1_000_000) {
        add(name + "/", type: "5", mode: mode, owner: owner, time: time)
    }

    mutating func link(_ name: String, to target: String, attributes: [String: String] = [:]) {
        pax(attributes.map { ("SCHILY.xattr.\($0.key)", $0.value) })
        add(name, type: "2", mode: 0o777, link: target)
    }
    mutating func hardLink(_ name: String, to target: String) { add(name, type: "1", link: target) }
    mutating func device(_ name: String, _ major: Int, _ minor: Int, attributes: [String: String] = [:]) {
        pax(attributes.map { ("SCHILY.xattr.\($0.key)", $0.value) })
        add(name, type: "3", mode: 0o666, device: (major, minor))
    }
    mutating func fifo(_ name: String, attributes: [String: String] = [:]) {
        pax(attributes.map { ("SCHILY.xattr.\($0.key)", $0.value) })
        add(name, type: "6", mode: 0o600)
    }

    /// A file by its bytes.
    mutating func blob(_ name: String, _ content: [UInt8]) { add(name, type: "0", mode: 0o644, content: content) }

    /// A header that promises content which does not follow.
    mutating func emptyPromise(_ name: String, size: Int) { add(name, type: "0", size: size) }

    /// A file whose name stands in a pax header alone.
    mutating func longName(_ name: String, _ content: String) {
        pax([("path", name)])
        add("short", type: "0", content: Array(content.utf8))
    }

    /// The archive with its end mark.
    var finished: [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }

    private mutating func pax(_ records: [(String, String)]) {
        guard !records.isEmpty else { return }
        var content = ""
        for (key, value) in records {
            let rest = " \(key)=\(value)\n"
            var length = rest.utf8.count
            while String(length).utf8.count + rest.utf8.count != length {
                length = String(length).utf8.count + rest.utf8.count
            }
            content += "\(length)\(rest)"
        }
        add("pax", type: "x", content: Array(content.utf8))
    }

    private mutating func add(
        _ name: String, type: Character, mode: Int = 0o644, owner: (Int, Int) = (0, 0), time: Int = 1_000_000,
        size: Int? = nil,
        link: String = "", device: (Int, Int) = (0, 0), content: [UInt8] = []
    ) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int) {
            header.replaceSubrange(offset..<(offset + text.utf8.count), with: text.utf8)
        }
        func octal(_ number: Int, _ width: Int) -> String {
            let digits = String(number, radix: 8)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        put(name, at: 0)
        put(octal(mode, 7), at: 100)
        put(octal(owner.0, 7), at: 108)
        put(octal(owner.1, 7), at: 116)
        put(octal(size ?? content.count, 11), at: 124)
        put(octal(time, 11), at: 136)
        put("        ", at: 148)
        put(String(type), at: 156)
        put(link, at: 157)
        put("ustar\u{0}00", at: 257)
        put(octal(device.0, 7), at: 329)
        put(octal(device.1, 7), at: 337)
        let sum = header.reduce(0) { $0 + Int($1) }
        put(octal(sum, 6) + "\u{0} ", at: 148)
        bytes += header + content
        bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }
}
