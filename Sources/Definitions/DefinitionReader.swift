import LinuxSystem
package import Yams

/// Reads a mapping of a definition field by field; what it is not asked for is an unknown field.
package struct DefinitionReader {
    package let file: String
    /// `scale.` before the names of its fields.
    let prefix: String
    /// Whose fields they are, for messages: `a function's`.
    private let subject: String
    private let node: Node
    private var left: [String: Node] = [:]

    package init(
        _ node: Node, of subject: String, file: String, prefix: String = ""
    ) throws(DefinitionError) {
        (self.file, self.subject, self.node, self.prefix) = (file, subject, node, prefix)
        guard let mapping = node.mapping else {
            let name = String(prefix.dropLast())
            throw DefinitionError(
                file: file, line: node.mark?.line, field: name, text: "is no mapping of fields to values")
        }
        for (key, value) in mapping { left[key.scalar?.string ?? ""] = value }
    }

    package func error(_ field: String, _ node: Node? = nil, _ text: String) -> DefinitionError {
        DefinitionError(file: file, line: (node ?? self.node).mark?.line, field: prefix + field, text: text)
    }

    /// Reads a field, where it is there.
    package mutating func read<Value>(
        _ field: String, into value: inout Value, expected: String, _ parse: (String) -> Value?
    ) throws(DefinitionError) {
        guard let node = left.removeValue(forKey: field) else { return }
        guard let text = node.scalar?.string else { throw error(field, node, "is no value: expected \(expected)") }
        guard let parsed = parse(text) else {
            throw error(field, node, "is \(quoted(text)): expected \(expected)")
        }
        value = parsed
    }

    package mutating func readNumber<Value: FixedWidthInteger>(
        _ field: String, into value: inout Value, in range: ClosedRange<Value>
    ) throws(DefinitionError) {
        try read(field, into: &value, expected: "a number from \(range.lowerBound) to \(range.upperBound)") { text in
            Value(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    package mutating func readFlag(_ field: String, into value: inout Bool) throws(DefinitionError) {
        try read(field, into: &value, expected: "true or false") { ["true": true, "false": false][$0.lowercased()] }
    }

    /// A time such as 500ms, 30s, 2m or 1h, in milliseconds.
    package mutating func readTime(
        _ field: String, into value: inout Int64, in range: ClosedRange<Int64>
    ) throws(DefinitionError) {
        let bounds = "from \(range.lowerBound)ms to \(range.upperBound / 1000)s"
        try read(field, into: &value, expected: "a time such as 500ms, 30s, 2m or 1h, \(bounds)") { text in
            Self.milliseconds(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A list of texts.
    package mutating func readTexts(
        _ field: String, into values: inout [String], atMost limit: Int
    ) throws(DefinitionError) {
        guard let node = left.removeValue(forKey: field) else { return }
        guard let sequence = node.sequence, sequence.count <= limit else {
            throw error(field, node, "is no list of at most \(limit) values")
        }
        values = []
        for element in sequence {
            guard let text = element.scalar?.string, !text.utf8.contains(0) else {
                throw error(field, element, "has something that is no text")
            }
            values.append(text)
        }
    }

    /// A mapping of names to texts, as NAME=value.
    package mutating func readVariables(_ field: String, into values: inout [String]) throws(DefinitionError) {
        guard let node = left.removeValue(forKey: field) else { return }
        guard let mapping = node.mapping, mapping.count <= 1024 else {
            throw error(field, node, "is no mapping of names to values")
        }
        values = []
        for (key, value) in mapping {
            guard let name = key.scalar?.string, let text = value.scalar?.string, !name.isEmpty,
                !name.contains("="), !(name + text).utf8.contains(0)
            else { throw error(field, key, "has something that is no variable: expected NAME: value") }
            values.append("\(name)=\(text)")
        }
        values.sort()
    }

    /// Reads the fields of a field.
    package mutating func readFields(
        _ field: String, _ body: (inout DefinitionReader) throws(DefinitionError) -> Void
    ) throws(DefinitionError) {
        guard let node = left.removeValue(forKey: field) else { return }
        var reader = try DefinitionReader(node, of: subject, file: file, prefix: prefix + field + ".")
        try body(&reader)
        try reader.end()
    }

    /// Reads a list of mappings, each by the body.
    package mutating func readList(
        _ field: String, atMost limit: Int, _ body: (inout DefinitionReader) throws(DefinitionError) -> Void
    ) throws(DefinitionError) {
        guard let node = left.removeValue(forKey: field) else { return }
        guard let sequence = node.sequence, sequence.count <= limit else {
            throw error(field, node, "is no list of at most \(limit) values")
        }
        for (index, element) in sequence.enumerated() {
            var reader = try DefinitionReader(
                element, of: subject, file: file, prefix: "\(prefix)\(field)[\(index)].")
            try body(&reader)
            try reader.end()
        }
    }

    /// There must be nothing left.
    package func end() throws(DefinitionError) {
        guard let field = left.keys.min() else { return }
        throw error(field, left[field], "is no field of \(subject)")
    }

    package static func milliseconds(_ text: String) -> Int64? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits), number <= 1 << 40 else { return nil }
        switch text.dropFirst(digits.count) {
        case "ms": return number
        case "s": return number * 1000
        case "m": return number * 60_000
        case "h": return number * 3_600_000
        default: return nil
        }
    }
}
