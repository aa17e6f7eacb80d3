import FoundationEssentials
import LinuxSystem

/// JSON files of the registry.
enum RecordFile {
    /// The longest that is read, in bytes: a container's arguments and environment, and a little more.
    private static let most = 8 << 20

    /// Nil where there is no file.
    static func read<Record: Decodable>(_ type: Record.Type, from path: String) throws(RuntimeError) -> Record? {
        guard let bytes = try bytes(of: path) else { return nil }
        do { return try JSONDecoder().decode(type, from: Data(bytes)) } catch {
            throw .broken(path: path, reason: "it is no record of this version of czone")
        }
    }

    /// Nil where there is no file.
    static func bytes(of path: String) throws(RuntimeError) -> [UInt8]? {
        try system { () throws(SystemError) in try FileSystem.contents(of: path, atMost: most, followsLink: false) }
    }

    /// Replaces the file in one step.
    static func write(_ record: some Encodable, to path: String) throws(RuntimeError) {
        let bytes = try JSONText.bytes(of: record)
        try system { () throws(SystemError) in try FileSystem.replace(path, with: bytes) }
    }
}

/// What is written as JSON for programs to read: keys in stable order.
public enum JSONText {
    public static func bytes(of value: some Encodable) throws(RuntimeError) -> [UInt8] {
        try encode(value, with: JSONEncoder(), [.sortedKeys, .withoutEscapingSlashes])
    }

    /// For commands' `--json`: indented, and with the properties' names in snake case.
    public static func report(_ value: some Encodable) throws(RuntimeError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return try encode(value, with: encoder, [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]) + [0x0A]
    }

    private static func encode(
        _ value: some Encodable, with encoder: JSONEncoder, _ format: JSONEncoder.OutputFormatting
    ) throws(RuntimeError) -> [UInt8] {
        encoder.outputFormatting = format
        do { return Array(try encoder.encode(value)) } catch { throw .invalid("cannot write JSON") }
    }
}
