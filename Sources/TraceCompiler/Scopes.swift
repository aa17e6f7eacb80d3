import Trace

/// The names that a block sees.
final class Scope {
    let parent: Scope?
    let function: FunctionBody
    private var variables: [String: Variable] = [:]

    init(parent: Scope?, function: FunctionBody) {
        self.parent = parent
        self.function = function
    }

    func declare(_ variable: Variable) { variables[variable.name] = variable }
    func own(_ name: String) -> Variable? { variables[name] }

    func find(_ name: String) -> Variable? {
        var scope: Scope? = self
        while let current = scope {
            if let variable = current.variables[name] { return variable }
            scope = current.parent
        }
        return nil
    }
}

/// Names that statements declare, before they run.
enum Declarations {
    /// Names of a pattern.
    static func names(of pattern: SyntaxNode) throws(TraceError) -> [String] {
        switch pattern.kind {
        case "Identifier": return [try pattern.text("name")]
        case "AssignmentPattern": return try names(of: try pattern.node("left"))
        case "RestElement": return try names(of: try pattern.node("argument"))
        case "Property": return try names(of: try pattern.node("value"))
        case "ObjectPattern": return try names(of: try pattern.nodes("properties"))
        case "ArrayPattern": return try names(of: try pattern.nodes("elements"))
        default: return []
        }
    }

    static func names(of patterns: [SyntaxNode]) throws(TraceError) -> [String] {
        var result: [String] = []
        for pattern in patterns { result += try names(of: pattern) }
        return result
    }

    /// `var` of a function's statements, at any depth.
    static func hoisted(_ statements: [SyntaxNode]) throws(TraceError) -> [String] {
        var result: [String] = []
        for statement in statements { result += try hoisted(statement) }
        return result
    }

    private static func hoisted(_ node: SyntaxNode) throws(TraceError) -> [String] {
        switch node.kind {
        case "VariableDeclaration":
            guard try node.text("kind") == "var" else { return [] }
            return try names(of: try declarators(node))
        case "BlockStatement": return try hoisted(try node.nodes("body"))
        case "IfStatement": return try hoisted(in: node, ["consequent", "alternate"])
        case "ForStatement": return try hoisted(in: node, ["init", "body"])
        case "ForOfStatement", "ForInStatement": return try hoisted(in: node, ["left", "body"])
        case "WhileStatement", "DoWhileStatement", "LabeledStatement": return try hoisted(in: node, ["body"])
        case "TryStatement": return try hoisted(in: node, ["block", "handler", "finalizer"])
        case "CatchClause": return try hoisted(in: node, ["body"])
        case "SwitchStatement":
            var result: [String] = []
            for part in try node.nodes("cases") { result += try hoisted(try part.nodes("consequent")) }
            return result
        default: return []
        }
    }

    private static func hoisted(in node: SyntaxNode, _ fields: [String]) throws(TraceError) -> [String] {
        var result: [String] = []
        for field in fields { if let child = try node.optionalNode(field) { result += try hoisted(child) } }
        return result
    }

    static func declarators(_ declaration: SyntaxNode) throws(TraceError) -> [SyntaxNode] {
        var result: [SyntaxNode] = []
        for declarator in try declaration.nodes("declarations") { result.append(try declarator.node("id")) }
        return result
    }
}
