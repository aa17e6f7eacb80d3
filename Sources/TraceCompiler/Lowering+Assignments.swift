import Trace
import TraceRuntime

extension Lowering {
    mutating func assignment(_ node: SyntaxNode, _ site: Site) throws(TraceError) -> Expression {
        let left = try node.node("left")
        let right = try node.node("right")
        let name = try node.text("operator")
        switch left.kind {
        case "Identifier":
            guard let variable = find(try left.text("name")) else { return .abort(.construct, site) }
            if name == "=" { return assign(variable, try lower(expression: right), site) }
            let current = identifier(variable.name, site)
            let copy = self
            return try combine(name, current, right, site) { copy.assign(variable, $0, site) }
        case "MemberExpression":
            if left.isTrue("optional") { return .abort(.construct, site) }
            let isPlain = name == "="
            var (owner, key) = try memberParts(left)
            if !isPlain || mayLeaveStatements(right) {
                owner = keep(owner, site)
                key = keep(key, site)
            }
            if isPlain { return store(owner, key, try lower(expression: right), site) }
            let (copy, keptOwner, keptKey) = (self, owner, key)
            return try combine(name, load(owner, key, site), right, site) { copy.store(keptOwner, keptKey, $0, site) }
        default:
            guard name == "=" else { return .abort(.construct, site) }
            let value = keep(try lower(expression: right), site)
            try bind(left, to: value, isDeclaration: false)
            return value
        }
    }

    /// `a += b`, `a ??= b` and so on.
    private mutating func combine(
        _ name: String, _ current: Expression, _ right: SyntaxNode, _ site: Site, store: (Expression) -> Expression
    ) throws(TraceError) -> Expression {
        let kinds: [String: LogicalOperator] = ["&&=": .and, "||=": .or, "??=": .coalesce]
        if let kind = kinds[name] {
            return try logical(kind, current, site) { lowering throws(TraceError) in
                store(try lowering.lower(expression: right))
            }
        }
        let before = mayLeaveStatements(right) ? keep(current, site) : current
        return store(operation(String(name.dropLast()), before, try lower(expression: right), site))
    }

    func load(_ owner: Expression, _ key: Expression, _ site: Site) -> Expression {
        if case .text(let text) = key, text.isWhole { return .get(owner, text.text, site) }
        return .getIndex(owner, key, site)
    }

    func store(_ owner: Expression, _ key: Expression, _ value: Expression, _ site: Site) -> Expression {
        if case .text(let text) = key, text.isWhole { return .set(owner, text.text, value, site) }
        return .setIndex(owner, key, value, site)
    }

    /// An assignment that the program writes; one to a constant is an exception.
    func assign(_ variable: Variable, _ value: Expression, _ site: Site) -> Expression {
        if variable.isConstant { return .sequence([value], .abort(.exception, site)) }
        variable.isAssigned = true
        let result = initialize(variable, value, site)
        let isSafe = variable.isHoisted || (variable.isInitialized && variable.function === function)
        return isSafe ? result : .sequence([.checked(variable, site)], result)
    }

    private func initialize(_ variable: Variable, _ value: Expression, _ site: Site) -> Expression {
        variable.numericSources?.append(value)
        return .assign(variable, value, site)
    }

    mutating func update(_ node: SyntaxNode, _ site: Site) throws(TraceError) -> Expression {
        let argument = try node.node("argument")
        let step: Double = try node.text("operator") == "++" ? 1 : -1
        let isPrefix = node.isTrue("prefix")
        func changed(_ value: Expression) -> Expression { .arithmetic(.subtract, value, .number(-step), site) }
        switch argument.kind {
        case "Identifier":
            guard let variable = find(try argument.text("name")) else { return .abort(.construct, site) }
            let current = identifier(variable.name, site)
            if isPrefix { return assign(variable, changed(current), site) }
            let old = temporary()
            let keepOld = initialize(old, .unary(.plus, current, site), site)
            return .sequence([keepOld, assign(variable, changed(.variable(old, site)), site)], .variable(old, site))
        case "MemberExpression":
            if argument.isTrue("optional") { return .abort(.construct, site) }
            let (owner, key) = try memberParts(argument)
            let keptOwner = keep(owner, site)
            let keptKey = keep(key, site)
            let old = temporary()
            let keepOld = initialize(old, .unary(.plus, load(keptOwner, keptKey, site), site), site)
            let result = store(keptOwner, keptKey, changed(.variable(old, site)), site)
            return isPrefix ? .sequence([keepOld], result) : .sequence([keepOld, result], .variable(old, site))
        default: return .abort(.construct, site)
        }
    }

    /// Gives a pattern's variables, or members, their values.
    mutating func bind(_ pattern: SyntaxNode, to value: Expression, isDeclaration: Bool) throws(TraceError) {
        let site = Site(start: pattern.start)
        switch pattern.kind {
        case "Identifier":
            guard let variable = find(try pattern.text("name")) else { return out.append(.abort(.construct, site)) }
            if isDeclaration {
                out.append(.expression(initialize(variable, value, site)))
                if !isWithinCases { variable.isInitialized = true }
            } else {
                out.append(.expression(assign(variable, value, site)))
            }
        case "MemberExpression":
            let kept = keep(value, site)
            let (owner, key) = try memberParts(pattern)
            out.append(.expression(store(owner, key, kept, site)))
        case "AssignmentPattern":
            let current = keep(value, site)
            let isMissing = Expression.equals(current, .constant(.undefined), isStrict: true, isNegated: false, site)
            let result = temporary()
            result.numericSources = nil
            let standard = try block { lowering throws(TraceError) in
                let value = try lowering.lower(expression: try pattern.node("right"))
                lowering.out.append(.expression(.assign(result, value, site)))
            }
            out.append(.if(isMissing, standard, [.expression(.assign(result, current, site))]))
            try bind(try pattern.node("left"), to: .variable(result, site), isDeclaration: isDeclaration)
        case "ObjectPattern": try bindObject(pattern, to: keep(value, site), isDeclaration)
        case "ArrayPattern": try bindArray(pattern, to: value, isDeclaration)
        default: out.append(.abort(.construct, site))
        }
    }

    private mutating func bindObject(_ pattern: SyntaxNode, to value: Expression, _ isDeclaration: Bool)
        throws(TraceError)
    {
        let site = Site(start: pattern.start)
        var keys: [Argument] = []
        let properties = try pattern.nodes("properties")
        if properties.isEmpty { return out.append(.abort(.construct, site)) }
        for property in properties {
            if property.kind == "RestElement" {
                let rest = Expression.runtime("without", [value, .array(keys, site)], site)
                try bind(try property.node("argument"), to: rest, isDeclaration: isDeclaration)
                continue
            }
            let key =
                property.isTrue("computed")
                ? keep(try lower(expression: try property.node("key")), site)
                : try staticKey(try property.node("key"), site)
            keys.append(Argument(value: key, isSpread: false))
            try bind(try property.node("value"), to: load(value, key, site), isDeclaration: isDeclaration)
        }
    }

    private mutating func bindArray(_ pattern: SyntaxNode, to value: Expression, _ isDeclaration: Bool)
        throws(TraceError)
    {
        let site = Site(start: pattern.start)
        let list = keep(.runtime("iterate", [value], site), site)
        for (place, element) in try pattern.optionalNodes("elements").enumerated() {
            guard let element else { continue }
            if element.kind == "RestElement" {
                let start = Argument(value: .number(Double(place)), isSpread: false)
                let rest = Expression.callMethod(list, "slice", [start], site)
                try bind(try element.node("argument"), to: rest, isDeclaration: isDeclaration)
            } else {
                try bind(element, to: .getIndex(list, .number(Double(place)), site), isDeclaration: isDeclaration)
            }
        }
    }
}
