import FoundationEssentials
import LeanJSON

/// An event of CloudEvents 1.0, as its binding to HTTP has it. A value.
public struct CloudEvent: Equatable, Sendable {
    /// A message that is meant as an event, and is none.
    public struct Malformed: Error, Equatable, CustomStringConvertible {
        public let description: String
    }

    /// `id`, `source`, `specversion`, `type`, and what else the event says of itself.
    public let attributes: [String: String]
    /// The type of the data; empty: none is said.
    public let contentType: String
    public let data: [UInt8]

    /// `application/cloudevents+json`, and a batch of them.
    public static let structuredType = "application/cloudevents+json"
    public static let batchType = "application/cloudevents-batch+json"

    /// The attributes that no event is without.
    private static let required = ["id", "source", "type"]
    private static let maxAttributes = 64

    /// Reads an event in binary mode: an attribute a header `ce-NAME`, the body its data.
    /// - Returns: nil where no header says that it is one.
    /// - Throws: what it lacks.
    public static func binary(
        headers: some Sequence<(name: String, value: String)>, body: [UInt8] = []
    ) throws(Malformed) -> CloudEvent? {
        var attributes: [String: String] = [:]
        var contentType = ""
        for (name, value) in headers {
            let name = name.lowercased()
            if name == "content-type" { contentType = value }
            guard name.hasPrefix("ce-"), name.utf8.count > 3 else { continue }
            attributes[String(name.dropFirst(3))] = decoded(value)
        }
        guard let version = attributes["specversion"] else { return nil }
        try check(version, attributes)
        return CloudEvent(attributes: attributes, contentType: contentType, data: body)
    }

    private static func check(_ version: String, _ attributes: [String: String]) throws(Malformed) {
        guard version == "1.0" else { throw Malformed(description: "ce-specversion is \(version), expected 1.0") }
        for name in required where attributes[name, default: ""].isEmpty {
            throw Malformed(description: "a CloudEvent has the attribute \(name)")
        }
        guard attributes.count <= maxAttributes else {
            throw Malformed(description: "a CloudEvent has at most \(maxAttributes) attributes here")
        }
        for name in attributes.keys.sorted() where !isName(name) {
            throw Malformed(description: "\(name.prefix(64)) is no name of an attribute: expected a-z and 0-9")
        }
    }

    /// Checks a message in structured mode: one event, or a batch of them, as JSON.
    /// - Throws: what it lacks.
    public static func checkStructured(_ body: [UInt8], isBatch: Bool) throws(Malformed) {
        let events: [Required]
        do {
            let decoder = JSONDecoder()
            let bytes = Data(body)
            events =
                isBatch
                ? try decoder.decode([Required].self, from: bytes) : [try decoder.decode(Required.self, from: bytes)]
        } catch {
            throw Malformed(description: "the body is no JSON of CloudEvents with specversion, id, source and type")
        }
        for event in events {
            try check(
                event.specversion, ["id": event.id, "source": event.source, "type": event.type])
        }
    }

    private struct Required: Decodable {
        let specversion: String
        let id: String
        let source: String
        let type: String
    }

    /// The event in structured mode: data that is JSON stands as such, other as base64.
    public var structured: [UInt8] {
        var json = JSONWriter()
        for (name, value) in attributes.sorted(by: { $0.key < $1.key }) { json.text(name, value) }
        if !contentType.isEmpty { json.text("datacontenttype", contentType) }
        guard !data.isEmpty else { return json.object }
        if Self.isJSON(contentType), (try? JSONDecoder().decode(AnyJSON.self, from: Data(data))) != nil {
            json.object("data", data)
        } else {
            json.text("data_base64", Data(data).base64EncodedString())
        }
        return json.object
    }

    /// Data whose type nobody said counts as JSON (JSON format, section 3.1.1).
    private static func isJSON(_ type: String) -> Bool {
        guard !type.isEmpty else { return true }
        let plain = type.prefix { $0 != ";" }.lowercased()
        return plain.hasPrefix("application/json") || plain.hasPrefix("text/json") || plain.contains("+json")
    }

    /// Names are of lower-case letters and digits (section "Naming Conventions").
    private static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
    }

    /// A header's value has what is not printable as %XX (HTTP binding, section 3.1.3.2).
    private static func decoded(_ value: String) -> String {
        value.contains("%") ? String(percentDecoding: value) : value
    }
}

/// Any JSON: only that it is some is of interest.
private struct AnyJSON: Decodable {
    init(from decoder: any Decoder) throws {
        if let list = try? decoder.unkeyedContainer() {
            var list = list
            while !list.isAtEnd { _ = try list.decode(AnyJSON.self) }
        } else if let object = try? decoder.container(keyedBy: AnyKey.self) {
            for key in object.allKeys { _ = try object.decode(AnyJSON.self, forKey: key) }
        } else {
            let value = try decoder.singleValueContainer()
            guard
                value.decodeNil() || (try? value.decode(Bool.self)) != nil || (try? value.decode(Double.self)) != nil
                    || (try? value.decode(String.self)) != nil
            else { throw DecodingError.dataCorruptedError(in: value, debugDescription: "no JSON") }
        }
    }

    private struct AnyKey: CodingKey {
        let stringValue: String
        let intValue: Int? = nil
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
