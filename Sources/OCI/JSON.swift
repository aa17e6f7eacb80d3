import LinuxSystem
import FoundationEssentials

/// The one door to JSON: documents come in as bytes and leave as bytes, and what is wrong with one is said by its path.
enum JSON {
    /// Decodes a document. `what` names it in the error.
    static func decode<Document: Decodable>(
        _ type: Document.Type, from bytes: [UInt8], what: @autoclosure () -> String
    ) throws(OCIError) -> Document {
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch let error as DecodingError {
            throw .malformed(what: what(), reason: reason(of: error))
        } catch {
            throw .malformed(what: what(), reason: "it is no JSON document")
        }
    }

    /// Encodes a document with stable order of keys. `what` names it in the error.
    static func encode(_ document: some Encodable, what: @autoclosure () -> String) throws(OCIError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do { return try Array(encoder.encode(document)) } catch {
            throw .malformed(what: what(), reason: "it cannot be written as JSON")
        }
    }

    private static func reason(of error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, let context): "\(quoted(path(context.codingPath + [key]))) is missing"
        case .typeMismatch(let type, let context):
            "\(quoted(path(context.codingPath))) is not of the expected type \(type)"
        case .valueNotFound(let type, let context): "\(quoted(path(context.codingPath))) is null, expected \(type)"
        case .dataCorrupted(let context):
            context.codingPath.isEmpty
                ? "it is no JSON document: \(context.debugDescription)"
                : "\(quoted(path(context.codingPath))): \(context.debugDescription)"
        @unknown default: "it cannot be decoded"
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        keys.map { key in key.intValue.map { "[\($0)]" } ?? key.stringValue }.joined(separator: ".")
    }
}
