import Trace
import TraceRuntime

/// Finds what is not compiled.
enum UnsupportedSites {
    static func collect(_ statements: [Statement], into sites: inout Set<Site>) {
        for statement in statements {
            switch statement {
            case .abort(.construct, let site): sites.insert(site)
            case .expression(let value), .return(let value), .await(_, let value, _): collect(value, &sites)
            case .declare(_, let value): if let value { collect(value, &sites) }
            case .if(let test, let yes, let no):
                collect(test, &sites)
                collect(yes, into: &sites)
                collect(no, into: &sites)
            case .loop(let test, let body, let update, _, _, _):
                if let test { collect(test, &sites) }
                collect(body, into: &sites)
                collect(update, into: &sites)
            case .labeled(let body, _): collect(body, into: &sites)
            case .break, .abort: break
            }
        }
    }

    private static func collect(_ expression: Expression, _ sites: inout Set<Site>) {
        if case .abort(.construct, let site) = expression { sites.insert(site) }
        for part in expression.parts { collect(part, &sites) }
    }
}

extension Expression {
    /// The expressions that it is made of.
    var parts: [Expression] {
        switch self {
        case .number, .constant, .text, .builtinValue, .variable, .checked, .ownClosure, .function, .this, .abort: []
        case .assign(_, let value, _), .get(let value, _, _), .unary(_, let value, _), .chain(let value),
            .chainGuard(let value):
            [value]
        case .getIndex(let one, let other, _), .set(let one, _, let other, _), .remove(let one, let other, _),
            .add(let one, let other, _), .arithmetic(_, let one, let other, _), .compare(_, let one, let other, _),
            .equals(let one, let other, _, _, _), .has(let one, let other, _), .logical(_, let one, let other):
            [one, other]
        case .setIndex(let owner, let key, let value, _), .conditional(let owner, let key, let value):
            [owner, key, value]
        case .call(let callee, let arguments, _), .callMethod(let callee, _, let arguments, _):
            [callee] + arguments.map(\.value)
        case .callOn(let callee, let this, let arguments, _): [callee, this] + arguments.map(\.value)
        case .callBuiltin(_, let arguments, _), .array(let arguments, _): arguments.map(\.value)
        case .sequence(let first, let last): first + [last]
        case .object(let properties, _):
            properties.flatMap { property in
                switch property {
                case .value(let key, let value): [key, value]
                case .spread(let value): [value]
                }
            }
        case .template(let values, _), .runtime(_, let values, _): values
        }
    }
}

/// Constructs that are not compiled, and have no effect before they are used.
enum Unsupported {
    private static let modules: Set<String> = [
        "assert", "buffer", "crypto", "events", "fs", "fs/promises", "http", "https", "os", "path", "querystring",
        "stream",
        "url", "util", "zlib",
    ]

    /// A class that nothing is called for when it is declared.
    static func hasNoEffect(_ declaration: SyntaxNode) throws(TraceError) -> Bool {
        if let parent = try declaration.optionalNode("superClass"), parent.kind != "Identifier" { return false }
        for member in try declaration.node("body").nodes("body") {
            if member.kind == "StaticBlock" || member.isTrue("static") || member.isTrue("computed") { return false }
        }
        return true
    }

    /// `const NAME = require('fs')` and so on, of node's own modules.
    static func isModuleOfNode(_ declarator: SyntaxNode) throws(TraceError) -> Bool {
        guard let call = try declarator.optionalNode("init"), call.kind == "CallExpression",
            try declarator.node("id").kind != "ArrayPattern", try call.node("callee")["name"]?.text == "require",
            case .text(let text)? = try call.nodes("arguments").first?["value"]
        else { return false }
        let name = text.text
        return modules.contains(name.hasPrefix("node:") ? String(name.dropFirst(5)) : name)
    }
}
