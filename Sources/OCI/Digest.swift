import Hashing
import LinuxSystem

/// A content's address: `sha256:` and 64 lower-case hexadecimal digits (OCI image spec, descriptor.md, "Digests").
public struct Digest: Hashable, Sendable, CustomStringConvertible {
    /// The 64 digits, without the algorithm.
    public let hex: String

    /// Takes `sha256:<64 digits>`; nil for anything else, other algorithms too.
    public init?(_ text: String) {
        guard text.hasPrefix("sha256:") else { return nil }
        self.init(hex: text.dropFirst("sha256:".count))
    }

    /// Takes the 64 digits alone; nil when they are not that.
    public init?(hex: some StringProtocol) {
        guard hex.utf8.count == 64, hex.utf8.allSatisfy(\.isLowerHexDigit) else { return nil }
        self.hex = String(hex)
    }

    /// Takes the 32 bytes of a finished SHA-256.
    package init(bytes: [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        hex = String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    public var description: String { "sha256:\(hex)" }

    /// The first 12 digits: what lists and messages show.
    public var shortHex: String { String(hex.prefix(12)) }
}

extension UInt8 {
    var isLowerHexDigit: Bool { (0x30...0x39).contains(self) || (0x61...0x66).contains(self) }
}

extension Digest: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let digest = Digest(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "\(quoted(text)) is no digest, expected sha256:<64 hexadecimal digits>"
            )
        }
        self = digest
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension Digest {
    /// The digest of bytes.
    public init(of bytes: [UInt8]) { self.init(bytes: SHA256.digest(of: bytes)) }
}
