import SystemPackage

/// One name in a directory, as a guest gave it: never a path, and never a way up.
struct FileName: Hashable, Sendable {
    /// Linux's NAME_MAX.
    static let maxBytes = 255

    /// With a terminating zero, for the calls that take a C string.
    let characters: [CChar]

    /// - Throws: EINVAL for an empty name, `.`, `..`, or one with a slash or a zero byte; ENAMETOOLONG.
    init(_ bytes: ArraySlice<UInt8>) throws(Errno) {
        guard !bytes.isEmpty, !bytes.contains(0), !bytes.contains(UInt8(ascii: "/")) else { throw .invalidArgument }
        guard !(bytes.count <= 2 && bytes.allSatisfy { $0 == UInt8(ascii: ".") }) else { throw .invalidArgument }
        guard bytes.count <= Self.maxBytes else { throw .fileNameTooLong }
        characters = bytes.map { CChar(bitPattern: $0) } + [0]
    }

    /// The name as it would be printed.
    var text: String { String(decoding: characters.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
}
