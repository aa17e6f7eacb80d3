import Trace
import TraceRuntime

extension Lowering {
    /// - Parameter isThrown: the value is only thrown, so what it is made of does not matter, but what making it does.
    mutating func lower(expression node: SyntaxNode, isThrown: Bool = false) throws(TraceError) -> Expression {
        let site = Site(start: node.start)
        switch node.kind {
        case "Literal": return literal(node, site)
        case "Identifier": return identifier(try node.text("name"), site)
        case "TemplateLiteral": return try template(node, site)
        case "ObjectExpression": return try object(node, site)
        case "ArrayExpression": return .array(try arguments(try node.optionalNodes("elements")), site)
        case "FunctionExpression", "ArrowFunctionExpression": return .function(try lowerFunction(node))
        case "UnaryExpression": return try unary(node, site)
        case "BinaryExpression": return try binary(node, site)
        case "LogicalExpression": return try logical(node, site)
        case "ConditionalExpression": return try conditional(node, site)
        case "AssignmentExpression": return try assignment(node, site)
        case "UpdateExpression": return try update(node, site)
        case "MemberExpression": return try member(node, site)
        case "CallExpression": return try call(node, site)
        case "NewExpression": return try construction(node, site, isThrown: isThrown)
        case "ChainExpression": return try chain(node, site)
        case "ParenthesizedExpression": return try lower(expression: try node.node("expression"))
        case "SequenceExpression":
            let all = try operands(try node.nodes("expressions"))
            guard let last = all.last else { return .constant(.undefined) }
            return .sequence(Array(all.dropLast()), last)
        case "ThisExpression": return this(site)
        case "AwaitExpression":
            guard function.isAsync else { return .abort(.construct, site) }
            let value = try lower(expression: try node.node("argument"))
            let result = temporary()
            result.numericSources = nil
            out.append(.await(result, value, site))
            return .variable(result, site)
        default: return .abort(.construct, site)
        }
    }

    /// Several expressions, each evaluated before the next: what comes before one that waits is kept.
    mutating func operands(_ nodes: [SyntaxNode]) throws(TraceError) -> [Expression] {
        let last = nodes.lastIndex { mayLeaveStatements($0) } ?? -1
        var result: [Expression] = []
        for (place, node) in nodes.enumerated() {
            let value = try lower(expression: node)
            result.append(place < last ? keep(value, Site(start: node.start)) : value)
        }
        return result
    }

    /// Whether lowering an expression appends statements, so that what is evaluated before it must have been by then.
    func mayLeaveStatements(_ node: SyntaxNode) -> Bool {
        node.contains(["AwaitExpression", "AssignmentExpression", "UpdateExpression"])
    }

    private func literal(_ node: SyntaxNode, _ site: Site) -> Expression {
        if node["regex"] != nil || node["bigint"] != nil { return .abort(.construct, site) }
        switch node["value"] {
        case .number(let number): return .number(number)
        case .text(let text): return .text(text)
        case .bool(let truth): return .constant(truth ? .true : .false)
        case .null where node["raw"]?.text == "null": return .constant(.null)
        // A number that JSON cannot say.
        default: return node["raw"]?.text.flatMap { Double($0) }.map { .number($0) } ?? .abort(.construct, site)
        }
    }

    mutating func identifier(_ name: String, _ site: Site) -> Expression {
        if let variable = find(name) {
            if variable.isUnsupported { return .abort(.construct, site) }
            let isSafe = variable.isHoisted || (variable.isInitialized && variable.function === function)
            return isSafe ? .variable(variable, site) : .checked(variable, site)
        }
        if name == "undefined" { return .constant(.undefined) }
        if let number = Builtin.constants[name] { return .number(number) }
        if let builtin = Builtin.paths[name] { return .builtinValue(builtin) }
        return .abort(.construct, site)
    }

    private func this(_ site: Site) -> Expression {
        var owner: FunctionBody? = function
        while let current = owner, current.isArrow { owner = current.parent }
        guard let variable = owner?.this else { return .abort(.construct, site) }
        use(variable)
        return .this(variable, site)
    }

    private mutating func template(_ node: SyntaxNode, _ site: Site) throws(TraceError) -> Expression {
        // Each is made a text before the next is evaluated.
        let expressions = try node.nodes("expressions")
        let last = expressions.lastIndex { mayLeaveStatements($0) } ?? -1
        var values: [Expression] = []
        for (place, expression) in expressions.enumerated() {
            let value = try lower(expression: expression)
            values.append(place < last ? keep(.template([value], site), site) : value)
        }
        var parts: [Expression] = []
        for (place, quasi) in try node.nodes("quasis").enumerated() {
            guard case .text(let text) = quasi["value"]?["cooked"] else { return .abort(.construct, site) }
            if !text.units.isEmpty || place == 0 { parts.append(.text(text)) }
            if place < values.count { parts.append(values[place]) }
        }
        return .template(parts, site)
    }

    private mutating func object(_ node: SyntaxNode, _ site: Site) throws(TraceError) -> Expression {
        let properties = try node.nodes("properties")
        var parts: [SyntaxNode] = []
        for property in properties {
            if property.kind == "SpreadElement" {
                parts.append(try property.node("argument"))
            } else {
                guard try property.text("kind") == "init" else { return .abort(.construct, site) }
                if property.isTrue("computed") { parts.append(try property.node("key")) }
                parts.append(try property.node("value"))
            }
        }
        var values = try operands(parts)[...]
        var result: [Property] = []
        for property in properties {
            if property.kind == "SpreadElement" {
                result.append(.spread(values.removeFirst()))
            } else {
                let key =
                    property.isTrue("computed") ? values.removeFirst() : try staticKey(try property.node("key"), site)
                result.append(.value(key, values.removeFirst()))
            }
        }
        return .object(result, site)
    }

    /// A key that stands in the source.
    func staticKey(_ key: SyntaxNode, _ site: Site) throws(TraceError) -> Expression {
        key.kind == "Identifier" ? .text(TraceText(try key.text("name"))) : literal(key, site)
    }

    mutating func arguments(_ nodes: [SyntaxNode?]) throws(TraceError) -> [Argument] {
        var parts: [SyntaxNode] = []
        for node in nodes {
            // A hole of an array.
            guard let node else { return [Argument(value: .abort(.construct, Site(start: 0)), isSpread: false)] }
            parts.append(node.kind == "SpreadElement" ? try node.node("argument") : node)
        }
        let values = try operands(parts)
        return zip(nodes, values).map { Argument(value: $1, isSpread: $0?.kind == "SpreadElement") }
    }

    private mutating func unary(_ node: SyntaxNode, _ site: Site) throws(TraceError) -> Expression {
        let argument = try node.node("argument")
        let operation = try node.text("operator")
        if operation == "delete" {
            guard argument.kind == "MemberExpression", !argument.isTrue("optional") else {
                return .abort(.construct, site)
            }
            let (owner, key) = try memberParts(argument)
            return .remove(owner, key, site)
        }
        let value = try lower(expression: argument)
        switch operation {
        case "!": return .unary(.not, value, site)
        case "-":
            if case .number(let number) = value { return .number(-number) }
            return .unary(.negate, value, site)
        case "+": return .unary(.plus, value, site)
        case "~": return .unary(.complement, value, site)
        case "typeof": return .unary(.typeOf, value, site)
        case "void": return .unary(.void, value, site)
        default: return .abort(.construct, site)
        }
    }

    private mutating func binary(_ node: SyntaxNode, _ site: Site) throws(TraceError) -> Expression {
        let values = try operands([try node.node("left"), try node.node("right")])
        return operation(try node.text("operator"), values[0], values[1], site)
    }

    func operation(_ name: String, _ left: Expression, _ right: Expression, _ site: Site) -> Expression {
        switch name {
        case "+": .add(left, right, site)
        case "-": .arithmetic(.subtract, left, right, site)
        case "*": .arithmetic(.multiply, left, right, site)
        case "/": .arithmetic(.divide, left, right, site)
        case "%": .arithmetic(.remainder, left, right, site)
        case "**": .arithmetic(.power, left, right, site)
        case "&": .arithmetic(.and, left, right, site)
        case "|": .arithmetic(.or, left, right, site)
        case "^": .arithmetic(.xor, left, right, site)
        case "<<": .arithmetic(.shiftLeft, left, right, site)
        case ">>": .arithmetic(.shiftRight, left, right, site)
        case ">>>": .arithmetic(.shiftRightUnsigned, left, right, site)
        case "<": .compare(.less, left, right, site)
        case ">": .compare(.greater, left, right, site)
        case "<=": .compare(.lessEqual, left, right, site)
        case ">=": .compare(.greaterEqual, left, right, site)
        case "===": .equals(left, right, isStrict: true, isNegated: false, site)
        case "!==": .equals(left, right, isStrict: true, isNegated: true, site)
        case "==": .equals(left, right, isStrict: false, isNegated: false, site)
        case "!=": .equals(left, right, isStrict: false, isNegated: true, site)
        case "in": .has(left, right, site)
        default: .abort(.construct, site)
        }
    }

    private mutating func logical(_ node: SyntaxNode, _ site: Site) throws(TraceError) -> Expression {
        let left = try lower(expression: try node.node("left"))
        let kind: LogicalOperator =
            switch try node.text("operator") {
            case "&&": .and
            case "||": .or
            default: .coalesce
            }
        return try logical(kind, left, site) { lowering throws(TraceError) in
            try lowering.lower(expression: try node.node("right"))
        }
    }

    /// The right side runs only where the left does not decide; so do statements that it needs.
    mutating func logical(
        _ kind: LogicalOperator, _ left: Expression, _ site: Site,
        right: (inout Lowering) throws(TraceError) -> Expression
    ) throws(TraceError) -> Expression {
        var value = Expression.constant(.undefined)
        let statements = try block { lowering throws(TraceError) in value = try right(&lowering) }
        if statements.isEmpty { return .logical(kind, left, value) }
        let result = temporary()
        result.numericSources = nil
        out.append(.expression(.assign(result, left, site)))
        let current = Expression.variable(result, site)
        let isOpen =
            switch kind {
            case .and: current
            case .or: Expression.unary(.not, current, site)
            case .coalesce: Expression.equals(current, .constant(.null), isStrict: false, isNegated: false, site)
            }
        out.append(.if(isOpen, statements + [.expression(.assign(result, value, site))], []))
        return current
    }

    private mutating func conditional(_ node: SyntaxNode, _ site: Site) throws(TraceError) -> Expression {
        let test = try lower(expression: try node.node("test"))
        var yes = Expression.constant(.undefined)
        var no = yes
        let before = try block { lowering throws(TraceError) in
            yes = try lowering.lower(expression: try node.node("consequent"))
        }
        let beforeNo = try block { lowering throws(TraceError) in
            no = try lowering.lower(expression: try node.node("alternate"))
        }
        if before.isEmpty, beforeNo.isEmpty { return .conditional(test, yes, no) }
        let result = temporary()
        result.numericSources = nil
        out.append(
            .if(
                test, before + [.expression(.assign(result, yes, site))],
                beforeNo + [.expression(.assign(result, no, site))]))
        return .variable(result, site)
    }
}
