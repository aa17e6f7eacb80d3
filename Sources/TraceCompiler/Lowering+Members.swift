import Trace
import TraceRuntime

extension Lowering {
    /// A name of the language's own, as `Math.floor`: its path, where no variable has its first name.
    private func builtinPath(_ node: SyntaxNode) throws(TraceError) -> String? {
        guard node.kind == "MemberExpression", !node.isTrue("computed") else { return nil }
        let owner = try node.node("object")
        guard owner.kind == "Identifier" else { return nil }
        let name = try owner.text("name")
        guard scope.find(name) == nil else { return nil }
        return "\(name).\(try node.node("property").text("name"))"
    }

    mutating func member(_ node: SyntaxNode, _ site: Site) throws(TraceError) -> Expression {
        if let path = try builtinPath(node) {
            if let number = Builtin.constants[path] { return .number(number) }
            if let builtin = Builtin.paths[path] { return .builtinValue(builtin) }
            return .abort(.construct, site)
        }
        if node.isTrue("computed"), try node.node("property").kind != "Literal" {
            var parts = try operands([try node.node("object"), try node.node("property")])
            if node.isTrue("optional") { parts[0] = .chainGuard(parts[0]) }
            return .getIndex(parts[0], parts[1], site)
        }
        var owner = try lower(expression: try node.node("object"))
        if node.isTrue("optional") { owner = .chainGuard(owner) }
        let key = try staticKey(try node.node("property"), site)
        return load(owner, key, site)
    }

    /// Owner and key of a member, as expressions of their own.
    mutating func memberParts(_ node: SyntaxNode) throws(TraceError) -> (Expression, Expression) {
        let site = Site(start: node.start)
        guard node.isTrue("computed") else {
            return (try lower(expression: try node.node("object")), try staticKey(try node.node("property"), site))
        }
        let parts = try operands([try node.node("object"), try node.node("property")])
        return (parts[0], parts[1])
    }

    /// A chain that waits within would have to be left from outside of an expression.
    mutating func chain(_ node: SyntaxNode, _ site: Site) throws(TraceError) -> Expression {
        let expression = try node.node("expression")
        var value = Expression.constant(.undefined)
        let before = try block { lowering throws(TraceError) in value = try lowering.lower(expression: expression) }
        // Statements would run before the chain is left.
        if !before.isEmpty { return .abort(.construct, site) }
        return .chain(value)
    }

    mutating func call(_ node: SyntaxNode, _ site: Site) throws(TraceError) -> Expression {
        let callee = try node.node("callee")
        let list = try node.nodes("arguments")
        if let path = try builtinPath(callee) {
            guard let builtin = Builtin.paths[path], !node.isTrue("optional") else { return .abort(.construct, site) }
            return .callBuiltin(builtin, try arguments(list), site)
        }
        if callee.kind == "Identifier", find(try callee.text("name")) == nil {
            guard let builtin = Builtin.paths[try callee.text("name")] else { return .abort(.construct, site) }
            return .callBuiltin(builtin, try arguments(list), site)
        }
        let isKept = list.contains { mayLeaveStatements($0) }
        if callee.kind == "MemberExpression", !callee.isTrue("computed"), !node.isTrue("optional"),
            try callee.node("property").kind == "Identifier"
        {
            var owner = try lower(expression: try callee.node("object"))
            if callee.isTrue("optional") { owner = .chainGuard(owner) }
            if isKept { owner = keep(owner, site) }
            return .callMethod(owner, try callee.node("property").text("name"), try arguments(list), site)
        }
        if callee.kind == "MemberExpression" { return try callMember(node, callee, list, isKept, site) }
        var function = try lower(expression: callee)
        if node.isTrue("optional") { function = .chainGuard(function) }
        if isKept { function = keptCallee(function, site) }
        return .call(function, try arguments(list), site)
    }

    /// A method by a computed name, or one that may be missing.
    private mutating func callMember(
        _ node: SyntaxNode, _ callee: SyntaxNode, _ list: [SyntaxNode], _ isKept: Bool, _ site: Site
    ) throws(TraceError) -> Expression {
        let (object, key) = try memberParts(callee)
        // A name's own statements would run before the chain around is left.
        if callee.isTrue("optional") || callee.node("object", isOf: "ChainExpression") {
            return .abort(.construct, site)
        }
        let owner = temporary()
        owner.numericSources = nil
        var function = Expression.sequence([.assign(owner, object, site)], load(.variable(owner, site), key, site))
        if node.isTrue("optional") { function = .chainGuard(function) }
        if isKept { function = keep(function, site) }
        return .callOn(function, .variable(owner, site), try arguments(list), site)
    }

    /// A declared function that is never assigned is the same before and after its arguments.
    private mutating func keptCallee(_ function: Expression, _ site: Site) -> Expression {
        if case .variable(let variable, _) = function, variable.declaredFunction != nil || variable.isConstant {
            return function
        }
        if case .checked(let variable, _) = function, variable.isConstant { return function }
        return keep(function, site)
    }

    mutating func construction(_ node: SyntaxNode, _ site: Site, isThrown: Bool) throws(TraceError) -> Expression {
        let callee = try node.node("callee")
        guard callee.kind == "Identifier", find(try callee.text("name")) == nil else { return .abort(.construct, site) }
        let name = try callee.text("name")
        let list = try arguments(try node.nodes("arguments"))
        if isThrown, name.hasSuffix("Error") {
            // Only what its arguments do matters.
            return .array(list, site)
        }
        guard let builtin = Builtin.constructors[name] else { return .abort(.construct, site) }
        return .callBuiltin(builtin, list, site)
    }
}
