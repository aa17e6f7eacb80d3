import Trace
import TraceRuntime

/// Makes typed statements of a syntax tree. What it does not know becomes an abort at that place; nothing is guessed.
struct Lowering {
    /// All functions; the first is the program's top level.
    var functions: [FunctionBody] = []
    var scope: Scope
    /// Statements of the block that is made now: what an expression must have done before is appended here.
    var out: [Statement] = []
    /// Labels that `break` and `continue` may go to, innermost last.
    var targets: [Target] = []
    /// What is declared now may be passed over: another case may be chosen.
    var isWithinCases = false
    var function: FunctionBody { scope.function }

    struct Target {
        let exit: Label
        let next: Label?
    }

    /// Lowers a program.
    static func lower(_ program: SyntaxNode) throws(TraceError) -> [FunctionBody] {
        let top = FunctionBody(parent: nil, number: 0, isAsync: false, isArrow: false)
        let scope = Scope(parent: nil, function: top)
        var lowering = Lowering(functions: [top], scope: scope)
        let site = Site(start: program.start)
        let module = lowering.declare("module", isHoisted: true)
        let exports = lowering.declare("exports", isHoisted: true)
        lowering.out.append(.declare(exports, .object([], site)))
        let members = Property.value(.text(TraceText("exports")), .variable(exports, site))
        lowering.out.append(.declare(module, .object([members], site)))
        try lowering.lowerBody(try program.nodes("body"))
        lowering.out.append(.return(.get(.variable(module, site), "exports", site)))
        top.statements = lowering.out
        return lowering.functions
    }

    @discardableResult
    mutating func declare(_ name: String, isConstant: Bool = false, isHoisted: Bool = false) -> Variable {
        let variable = Variable(name, in: function, isConstant: isConstant, isHoisted: isHoisted)
        variable.isModule = function.parent == nil && scope.parent == nil
        // It has a value already: undefined, an argument, a function.
        if isHoisted { variable.numericSources = nil }
        function.variables.append(variable)
        scope.declare(variable)
        return variable
    }

    /// A variable of the compiler's own.
    mutating func temporary() -> Variable {
        let variable = Variable("", in: function, isHoisted: true)
        function.variables.append(variable)
        return variable
    }

    /// Keeps a value in a variable, to be used more than once or later.
    mutating func keep(_ value: Expression, _ site: Site) -> Expression {
        switch value {
        case .number, .constant, .text, .builtinValue: return value
        default: break
        }
        let variable = temporary()
        variable.numericSources = [value]
        out.append(.expression(.assign(variable, value, site)))
        return .variable(variable, site)
    }

    /// Makes statements apart from those around.
    mutating func block(_ body: (inout Lowering) throws(TraceError) -> Void) throws(TraceError) -> [Statement] {
        let outer = out
        out = []
        try body(&self)
        let result = out
        out = outer
        return result
    }

    /// A variable by its name, noted as captured where another function declares it.
    func find(_ name: String) -> Variable? {
        guard let variable = scope.find(name) else { return nil }
        use(variable)
        return variable
    }

    func use(_ variable: Variable) {
        if variable.function === function || variable.isModule { return }
        variable.isCaptured = true
        var user: FunctionBody? = function
        while let current = user, current !== variable.function {
            _ = current.captureIndex(of: variable)
            user = current.parent
        }
    }

    /// The statements of a function or program: `var` and functions first.
    mutating func lowerBody(_ statements: [SyntaxNode]) throws(TraceError) {
        for name in try Declarations.hoisted(statements)
        where scope.own(name) == nil && !isParameter(name) {
            out.append(.declare(declare(name, isHoisted: true), .constant(.undefined)))
        }
        try lowerStatements(statements)
    }

    /// Whether a name is a parameter's: a `var` of that name is the parameter.
    private func isParameter(_ name: String) -> Bool {
        guard let outer = scope.parent, outer.function === function else { return false }
        return outer.own(name) != nil
    }

    /// Statements of a block whose scope is there: lexical names, then functions, then each.
    mutating func lowerStatements(_ statements: [SyntaxNode]) throws(TraceError) {
        var declared: [(Variable, SyntaxNode)] = []
        for statement in statements {
            switch statement.kind {
            case "VariableDeclaration":
                let kind = try statement.text("kind")
                guard kind != "var" else { continue }
                for name in try Declarations.names(of: try Declarations.declarators(statement)) {
                    out.append(.declare(declare(name, isConstant: kind == "const"), nil))
                }
            case "FunctionDeclaration":
                let name = try statement.node("id").text("name")
                let existing = scope.own(name)
                let variable = existing ?? declare(name, isHoisted: true)
                if existing == nil {
                    out.append(.declare(variable, .constant(.undefined)))
                } else {
                    variable.isAssigned = true
                }
                declared.append((variable, statement))
            case "ClassDeclaration":
                let name = try statement.node("id").text("name")
                declare(name, isConstant: true).isUnsupported = try Unsupported.hasNoEffect(statement)
            default: break
            }
        }
        for (variable, node) in declared {
            let body = try lowerFunction(node)
            variable.numericSources = nil
            variable.declaredFunction = body
            out.append(.expression(.assign(variable, .function(body), Site(start: node.start))))
        }
        for statement in statements where statement.kind != "FunctionDeclaration" { try lower(statement) }
    }

    /// A function's body; its parameters' patterns and defaults are its first statements.
    mutating func lowerFunction(_ node: SyntaxNode) throws(TraceError) -> FunctionBody {
        let isArrow = node.kind == "ArrowFunctionExpression"
        let body = FunctionBody(
            parent: function, number: functions.count, isAsync: node.isTrue("async"), isArrow: isArrow)
        functions.append(body)
        var inner = Lowering(functions: functions, scope: Scope(parent: scope, function: body))
        if !isArrow {
            body.this = inner.temporary()
            body.this?.numericSources = nil
        }
        try inner.lowerOwnName(node)
        inner.scope = Scope(parent: inner.scope, function: body)
        if node.isTrue("generator") {
            inner.out.append(.abort(.construct, Site(start: node.start)))
        } else {
            try inner.lowerParameters(node)
            let content = try node.node("body")
            if content.kind == "BlockStatement" {
                inner.scope = Scope(parent: inner.scope, function: body)
                try inner.lowerBody(try content.nodes("body"))
            } else {
                inner.out.append(.return(try inner.lower(expression: content)))
            }
        }
        body.statements = inner.out
        functions = inner.functions
        return body
    }

    /// A function expression may call itself by its name.
    private mutating func lowerOwnName(_ node: SyntaxNode) throws(TraceError) {
        guard node.kind == "FunctionExpression", let name = try node.optionalNode("id") else { return }
        out.append(.declare(declare(try name.text("name"), isConstant: true, isHoisted: true), .ownClosure))
    }

    private mutating func lowerParameters(_ node: SyntaxNode) throws(TraceError) {
        let patterns = try node.nodes("params")
        if try usesLaterParameter(patterns) { out.append(.abort(.construct, Site(start: node.start))) }
        var pending: [(SyntaxNode, Variable)] = []
        for pattern in patterns {
            if pattern.kind == "RestElement" {
                let rest = temporary()
                function.rest = rest
                pending.append((try pattern.node("argument"), rest))
            } else if pattern.kind == "Identifier" {
                let variable = declare(try pattern.text("name"), isHoisted: true)
                variable.numericSources = nil
                function.parameters.append(variable)
            } else {
                let variable = temporary()
                variable.numericSources = nil
                function.parameters.append(variable)
                pending.append((pattern, variable))
            }
        }
        for (pattern, _) in pending {
            for name in try Declarations.names(of: pattern) { out.append(.declare(declare(name), nil)) }
        }
        for (pattern, variable) in pending {
            variable.numericSources = nil
            try bind(pattern, to: .variable(variable, Site(start: pattern.start)), isDeclaration: true)
        }
    }

    /// Whether a default uses a parameter after it, which has no value by then.
    private func usesLaterParameter(_ patterns: [SyntaxNode]) throws(TraceError) -> Bool {
        for (place, pattern) in patterns.enumerated() where pattern.kind != "Identifier" {
            for later in patterns[(place + 1)...] where later.kind == "Identifier" {
                if pattern.mentions(try later.text("name")) { return true }
            }
        }
        return false
    }
}
