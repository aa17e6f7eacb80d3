import LinuxSystem

/// Where the files of an uncompressed tar archive lie, so that any of them can be read in place.
///
/// Reads what writers of image archives write: ustar names, pax `path`, `size` and `linkpath`, GNU long names and links
/// (POSIX.1-2017 pax, "ustar Interchange Format" and "pax Extended Header"; tar(5)).
struct TarIndex {
    private enum Entry {
        case file(ByteRegion)
        case link(String)
    }

    private var entries: [String: Entry] = [:]

    private static let blockSize: UInt64 = 512
    private static let maxEntries = 100_000
    private static let maxExtensionBytes: UInt64 = 1 << 20

    /// Reads every header of the archive; `path` names it in errors.
    init(_ archive: ByteRegion, path: String) throws(OCIError) {
        var offset: UInt64 = 0
        var pending = Extensions()
        while offset + Self.blockSize <= archive.sizeInBytes {
            let block = try Self.read(archive, at: offset, count: Self.blockSize)
            if block.allSatisfy({ $0 == 0 }) { break }
            guard let header = TarHeader(block) else {
                throw .malformed(
                    what: "the archive \(quoted(path))", reason: "there is no tar header at byte \(offset)")
            }
            let size = header.isExtension ? header.sizeInBytes : pending.size ?? header.sizeInBytes
            let start = offset + Self.blockSize
            guard size <= archive.sizeInBytes - start else {
                throw .malformed(
                    what: "the archive \(quoted(path))", reason: "it ends within \(quoted(pending.path ?? header.name))"
                )
            }
            if header.isExtension {
                guard size <= Self.maxExtensionBytes else {
                    throw .limitExceeded(what: "bytes in a tar header", limit: Self.maxExtensionBytes)
                }
                pending.add(header, content: try Self.read(archive, at: start, count: size))
            } else {
                add(header, pending, ByteRegion(file: archive.file, offset: archive.offset + start, sizeInBytes: size))
                guard entries.count <= Self.maxEntries else {
                    throw .limitExceeded(what: "files in its archive", limit: UInt64(Self.maxEntries))
                }
                pending = Extensions()
            }
            // At most the archive's size rounded up, so it cannot overflow.
            offset = start + (size + Self.blockSize - 1) / Self.blockSize * Self.blockSize
        }
    }

    /// The file of a name, following links in the archive.
    func file(_ path: String) throws(OCIError) -> ByteRegion? {
        var path = path
        for _ in 0..<8 {
            switch entries[path] {
            case .file(let region): return region
            case .link(let target): path = target
            case nil: return nil
            }
        }
        throw .malformed(what: "the archive", reason: "\(quoted(path)) is a link in a circle")
    }

    private static func read(_ archive: ByteRegion, at offset: UInt64, count: UInt64) throws(OCIError) -> [UInt8] {
        try system { () throws(SystemError) in try archive.file.read(exactly: Int(count), at: archive.offset + offset) }
    }

    private mutating func add(_ header: TarHeader, _ extensions: Extensions, _ region: ByteRegion) {
        let name = Self.normalized(extensions.path ?? header.name)
        let target = extensions.linkPath ?? header.linkName
        switch header.type {
        case UInt8(ascii: "0"), 0, UInt8(ascii: "7"): entries[name] = .file(region)
        case UInt8(ascii: "1"): entries[name] = .link(Self.normalized(target))
        case UInt8(ascii: "2"):
            let directory = name.split(separator: "/").dropLast().joined(separator: "/")
            entries[name] = .link(Self.normalized("\(directory)/\(target)"))
        default: break
        }
    }

    /// A path without `.`, and with `..` taken away together with what it undoes: names are only compared, never opened.
    private static func normalized(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return parts.joined(separator: "/")
    }

    /// What extension headers say of the entry that follows them.
    private struct Extensions {
        var path: String?
        var linkPath: String?
        var size: UInt64?

        mutating func add(_ header: TarHeader, content: [UInt8]) {
            switch header.type {
            case UInt8(ascii: "L"): path = TarHeader.text(content[...])
            case UInt8(ascii: "K"): linkPath = TarHeader.text(content[...])
            case UInt8(ascii: "x"): addRecords(content)
            default: break
            }
        }

        /// Records are `<length> <key>=<value>\n`, the length counting all of the record.
        private mutating func addRecords(_ content: [UInt8]) {
            var rest = content[...]
            while let space = rest.firstIndex(of: UInt8(ascii: " ")),
                let length = Int(String(decoding: rest[..<space], as: UTF8.self)),
                length > space - rest.startIndex, length <= rest.count
            {
                let record = String(decoding: rest[(space + 1)..<(rest.startIndex + length)], as: UTF8.self)
                let parts = record.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                if parts.count == 2 {
                    let value = String(parts[1].dropLast())
                    switch parts[0] {
                    case "path": path = value
                    case "linkpath": linkPath = value
                    case "size": size = UInt64(value)
                    default: break
                    }
                }
                rest = rest.dropFirst(length)
            }
        }
    }
}

/// A 512-byte header block (POSIX.1-2017 pax, "ustar Header Block").
private struct TarHeader {
    let name: String
    let linkName: String
    let sizeInBytes: UInt64
    let type: UInt8

    /// Nil when the checksum is wrong: then it is no header.
    init?(_ block: [UInt8]) {
        guard let checksum = Self.number(block[148..<156]) else { return nil }
        let sum = block.enumerated().reduce(UInt64(0)) {
            $0 + ((148..<156).contains($1.offset) ? 0x20 : UInt64($1.element))
        }
        guard sum == checksum, let size = Self.number(block[124..<136]) else { return nil }
        let isUstar = Array(block[257..<263]) == Array("ustar\0".utf8)
        let prefix = isUstar ? Self.text(block[345..<500]) : ""
        name = (prefix.isEmpty ? "" : prefix + "/") + Self.text(block[0..<100])
        linkName = Self.text(block[157..<257])
        type = block[156]
        sizeInBytes = Self.hasContent(type) ? size : 0
    }

    /// Whether it speaks of the next entry: pax headers, GNU long names.
    var isExtension: Bool {
        [UInt8(ascii: "x"), UInt8(ascii: "g"), UInt8(ascii: "L"), UInt8(ascii: "K")].contains(type)
    }

    /// Links, devices and directories have none, whatever their size field says.
    private static func hasContent(_ type: UInt8) -> Bool { !(UInt8(ascii: "1")...UInt8(ascii: "6")).contains(type) }

    static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// Octal digits, or a binary number whose first byte is 0x80 (tar(5), "Numeric Extensions").
    private static func number(_ field: ArraySlice<UInt8>) -> UInt64? {
        if field.first == 0x80 {
            guard field.dropFirst().dropLast(8).allSatisfy({ $0 == 0 }) else { return nil }
            return field.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
        }
        let digits = field.drop { $0 == UInt8(ascii: " ") }.prefix { $0 != 0 && $0 != UInt8(ascii: " ") }
        return digits.isEmpty ? 0 : UInt64(String(decoding: digits, as: UTF8.self), radix: 8)
    }
}
