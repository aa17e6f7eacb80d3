/// A node of a syntax tree, as ESTree has them.
public struct SyntaxNode: Equatable, Sendable {
    /// ESTree's `type`.
    public let kind: String
    /// Where it begins in the source, in UTF-16 units.
    public let start: Int
    private let fields: [String: TraceDocument]

    /// - Throws: where a document is no node.
    public init(_ document: TraceDocument) throws(TraceError) {
        guard case .object(let fields) = document, let kind = fields["type"]?.text, let start = fields["start"]?.count
        else {
            throw TraceError("a node without type and start", expected: "both")
        }
        self.kind = kind
        self.start = start
        self.fields = fields
    }

    public subscript(field: String) -> TraceDocument? { fields[field] }

    /// A child that must be there.
    public func node(_ field: String) throws(TraceError) -> SyntaxNode {
        guard let child = try optionalNode(field) else {
            throw TraceError("a \(kind) without \(field)", expected: "one")
        }
        return child
    }

    /// A child; nil where the field is null or missing.
    public func optionalNode(_ field: String) throws(TraceError) -> SyntaxNode? {
        guard let document = fields[field], document != .null else { return nil }
        return try SyntaxNode(document)
    }

    /// Whether a child is of a kind.
    public func node(_ field: String, isOf kind: String) -> Bool { fields[field]?["type"]?.text == kind }

    /// Children; nil for a hole.
    public func optionalNodes(_ field: String) throws(TraceError) -> [SyntaxNode?] {
        guard let elements = fields[field]?.elements else {
            throw TraceError("a \(kind) without \(field)", expected: "a list")
        }
        var nodes: [SyntaxNode?] = []
        for element in elements { nodes.append(element == .null ? nil : try SyntaxNode(element)) }
        return nodes
    }

    public func nodes(_ field: String) throws(TraceError) -> [SyntaxNode] {
        try optionalNodes(field).compactMap { $0 }
    }

    public func text(_ field: String) throws(TraceError) -> String {
        guard let text = fields[field]?.text else {
            throw TraceError("a \(kind) without \(field)", expected: "a string")
        }
        return text
    }

    public func isTrue(_ field: String) -> Bool { fields[field]?.isTrue ?? false }

    /// Whether this or a node below it, of the same function, is of a kind.
    public func contains(_ kinds: Set<String>) -> Bool {
        if kinds.contains(kind) { return true }
        if kind == "ForOfStatement", isTrue("await"), kinds.contains("AwaitExpression") { return true }
        return fields.values.contains { Self.contains($0, kinds) }
    }

    private static func contains(_ document: TraceDocument, _ kinds: Set<String>) -> Bool {
        switch document {
        case .array(let elements): return elements.contains { contains($0, kinds) }
        case .object:
            guard let node = try? SyntaxNode(document), !node.kind.contains("Function") else { return false }
            return node.contains(kinds)
        default: return false
        }
    }

    /// Whether an identifier of this name is at or below this node.
    public func mentions(_ name: String) -> Bool {
        if kind == "Identifier", fields["name"]?.text == name { return true }
        return fields.values.contains { Self.mentions($0, name) }
    }

    private static func mentions(_ document: TraceDocument, _ name: String) -> Bool {
        switch document {
        case .array(let elements): elements.contains { mentions($0, name) }
        case .object: (try? SyntaxNode(document))?.mentions(name) ?? false
        default: false
        }
    }

    /// Whether a function is at or below a node.
    public static func containsFunction(_ document: TraceDocument) -> Bool {
        switch document {
        case .array(let elements): elements.contains { containsFunction($0) }
        case .object(let fields):
            fields["type"]?.text?.contains("Function") == true || fields.values.contains { containsFunction($0) }
        default: false
        }
    }
}
