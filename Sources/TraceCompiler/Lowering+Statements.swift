import Trace
import TraceRuntime

extension Lowering {
    mutating func lower(_ node: SyntaxNode) throws(TraceError) {
        let site = Site(start: node.start)
        switch node.kind {
        case "ExpressionStatement": out.append(.expression(try lower(expression: try node.node("expression"))))
        case "VariableDeclaration": try lowerDeclaration(node)
        case "ReturnStatement":
            let value = try node.optionalNode("argument")
            out.append(
                .return(
                    try value.map { node throws(TraceError) in try lower(expression: node) } ?? .constant(.undefined)))
        case "IfStatement": try lowerIf(node)
        case "BlockStatement":
            // A function within a block is seen outside in ways that depend on the mode.
            if try node.nodes("body").contains(where: { $0.kind == "FunctionDeclaration" }) {
                return out.append(.abort(.construct, site))
            }
            try lowerScoped { lowering throws(TraceError) in try lowering.lowerStatements(try node.nodes("body")) }
        case "ForStatement": try lowerFor(node, labels: [])
        case "WhileStatement", "DoWhileStatement": try lowerWhile(node, labels: [])
        case "ForOfStatement": try lowerForOf(node, labels: [])
        case "ForInStatement": try lowerForOf(node, labels: [])
        case "SwitchStatement": try lowerSwitch(node)
        case "LabeledStatement": try lowerLabeled(node)
        case "BreakStatement", "ContinueStatement": try lowerJump(node)
        case "ThrowStatement":
            out.append(.expression(try lower(expression: try node.node("argument"), isThrown: true)))
            out.append(.abort(.exception, site))
        case "TryStatement": try lowerTry(node)
        case "EmptyStatement": break
        case "ClassDeclaration":
            if try !Unsupported.hasNoEffect(node) { out.append(.abort(.construct, site)) }
        default: out.append(.abort(.construct, site))
        }
    }

    private mutating func lowerScoped(_ body: (inout Lowering) throws(TraceError) -> Void) throws(TraceError) {
        let outer = scope
        scope = Scope(parent: outer, function: function)
        try body(&self)
        scope = outer
    }

    private mutating func lowerDeclaration(_ node: SyntaxNode) throws(TraceError) {
        let isVar = try node.text("kind") == "var"
        for declarator in try node.nodes("declarations") {
            let pattern = try declarator.node("id")
            if !isVar, function.parent == nil, try Unsupported.isModuleOfNode(declarator) {
                for name in try Declarations.names(of: pattern) { scope.own(name)?.isUnsupported = true }
                continue
            }
            if let value = try declarator.optionalNode("init") {
                try bind(pattern, to: try lower(expression: value), isDeclaration: !isVar)
            } else if !isVar {
                try bind(pattern, to: .constant(.undefined), isDeclaration: true)
            }
        }
    }

    private mutating func lowerIf(_ node: SyntaxNode) throws(TraceError) {
        let test = try lower(expression: try node.node("test"))
        let yes = try block { lowering throws(TraceError) in try lowering.lowerBranch(try node.node("consequent")) }
        let no = try block { lowering throws(TraceError) in
            if let branch = try node.optionalNode("alternate") { try lowering.lowerBranch(branch) }
        }
        out.append(.if(test, yes, no))
    }

    private mutating func lowerBranch(_ node: SyntaxNode) throws(TraceError) {
        if node.kind == "FunctionDeclaration" { return out.append(.abort(.construct, Site(start: node.start))) }
        try lower(node)
    }

    private mutating func lowerLabeled(_ node: SyntaxNode) throws(TraceError) {
        let name = try node.node("label").text("name")
        let body = try node.node("body")
        switch body.kind {
        case "ForStatement": try lowerFor(body, labels: [name])
        case "WhileStatement", "DoWhileStatement": try lowerWhile(body, labels: [name])
        case "ForOfStatement", "ForInStatement": try lowerForOf(body, labels: [name])
        default:
            let exit = Label(name)
            targets.append(Target(exit: exit, next: nil))
            let statements = try block { lowering throws(TraceError) in try lowering.lowerBranch(body) }
            targets.removeLast()
            out.append(.labeled(statements, exit))
        }
    }

    private mutating func lowerJump(_ node: SyntaxNode) throws(TraceError) {
        let name = try node.optionalNode("label").map { label throws(TraceError) in try label.text("name") }
        let isBreak = node.kind == "BreakStatement"
        for target in targets.reversed() {
            // A labelled block, which is no loop and no switch, is left by its name alone.
            let isAnonymous = target.next != nil || target.exit.name == nil
            guard name == nil ? isAnonymous && (isBreak || target.next != nil) : target.exit.name == name else {
                continue
            }
            if isBreak { return out.append(.break(target.exit)) }
            guard let next = target.next else { break }
            return out.append(.break(next))
        }
        out.append(.abort(.construct, Site(start: node.start)))
    }

    /// An exception ends the event wherever it is made, so what would handle one never runs.
    private mutating func lowerTry(_ node: SyntaxNode) throws(TraceError) {
        let body = try node.node("block")
        let last = try node.optionalNode("finalizer")
        if last != nil, body.contains(["ReturnStatement", "BreakStatement", "ContinueStatement"]) {
            return out.append(.abort(.construct, Site(start: node.start)))
        }
        try lower(body)
        if let last { try lower(last) }
    }

    /// The body of a loop, with its labels.
    private mutating func lowerLoopBody(
        _ body: SyntaxNode, _ target: Target, first: (inout Lowering) throws(TraceError) -> Void
    ) throws(TraceError) -> [Statement] {
        targets.append(target)
        let statements = try block { lowering throws(TraceError) in
            try first(&lowering)
            try lowering.lowerBranch(body)
        }
        targets.removeLast()
        return statements
    }

    /// A loop's test: an expression, or, where it waits, statements that leave the loop.
    private mutating func lowerTest(_ test: SyntaxNode?, exit: Label) throws(TraceError) -> (Expression?, [Statement]) {
        guard let test else { return (nil, []) }
        var value = Expression.constant(.true)
        let statements = try block { lowering throws(TraceError) in value = try lowering.lower(expression: test) }
        if statements.isEmpty { return (value, []) }
        return (nil, statements + [.if(value, [], [.break(exit)])])
    }

    private mutating func lowerWhile(_ node: SyntaxNode, labels: [String]) throws(TraceError) {
        let target = Target(exit: Label(labels.first), next: Label(labels.first))
        let (test, before) = try lowerTest(try node.node("test"), exit: target.exit)
        let body = try lowerLoopBody(try node.node("body"), target) { _ throws(TraceError) in }
        let next = target.next ?? target.exit
        if node.kind == "WhileStatement" {
            out.append(
                .loop(test: test, body: before + body, update: [], carried: [], exit: target.exit, next: next))
        } else {
            let leave = test.map { [Statement.if($0, [], [.break(target.exit)])] } ?? before
            out.append(.loop(test: nil, body: body, update: leave, carried: [], exit: target.exit, next: next))
        }
    }

    private mutating func lowerFor(_ node: SyntaxNode, labels: [String]) throws(TraceError) {
        // A function of the beginning's sees variables of no round.
        if let first = node["init"], SyntaxNode.containsFunction(first) {
            return out.append(.abort(.construct, Site(start: node.start)))
        }
        try lowerScoped { lowering throws(TraceError) in
            var carried: [Variable] = []
            if let first = try node.optionalNode("init") {
                if first.kind == "VariableDeclaration" {
                    try lowering.lowerStatements([first])
                    if try first.text("kind") == "let" {
                        for name in try Declarations.names(of: try Declarations.declarators(first)) {
                            if let variable = lowering.scope.own(name) { carried.append(variable) }
                        }
                    }
                } else {
                    lowering.out.append(.expression(try lowering.lower(expression: first)))
                }
            }
            let target = Target(exit: Label(labels.first), next: Label(labels.first))
            let (test, before) = try lowering.lowerTest(try node.optionalNode("test"), exit: target.exit)
            let body = try lowering.lowerLoopBody(try node.node("body"), target) { _ throws(TraceError) in }
            let update = try lowering.block { lowering throws(TraceError) in
                guard let update = try node.optionalNode("update") else { return }
                lowering.out.append(.expression(try lowering.lower(expression: update)))
            }
            lowering.out.append(
                .loop(
                    test: test, body: before + body, update: update, carried: carried, exit: target.exit,
                    next: target.next ?? target.exit))
        }
    }

    /// `for…of` goes over an array as it changes; `for…in` over the names that are still there when their turn comes.
    private mutating func lowerForOf(_ node: SyntaxNode, labels: [String]) throws(TraceError) {
        let site = Site(start: node.start)
        if node.isTrue("await") { return out.append(.abort(.construct, site)) }
        let isNames = node.kind == "ForInStatement"
        let left = try node.node("left")
        for name in try boundNames(left) where try node.node("right").mentions(name) {
            return out.append(.abort(.construct, site))
        }
        let source = keep(try lower(expression: try node.node("right")), site)
        let list = keep(.runtime(isNames ? "names" : "loop", [source], site), site)
        let place = temporary()
        out.append(.expression(.assign(place, .number(0), site)))
        let target = Target(exit: Label(labels.first), next: Label(labels.first))
        let test = Expression.compare(.less, .variable(place, site), .get(list, "length", site), site)
        let element = Expression.getIndex(list, .variable(place, site), site)
        let advance = Expression.assign(
            place, .arithmetic(.subtract, .variable(place, site), .number(-1), site), site)
        let outer = scope
        scope = Scope(parent: outer, function: function)
        let body = try lowerLoopBody(try node.node("body"), target) { lowering throws(TraceError) in
            let value = lowering.keep(element, site)
            if isNames {
                let isThere = Expression.has(value, source, site)
                lowering.out.append(.if(isThere, [], [.break(target.next ?? target.exit)]))
            }
            try lowering.bindLoopVariable(left, to: value)
        }
        scope = outer
        out.append(
            .loop(
                test: test, body: body, update: [.expression(advance)], carried: [], exit: target.exit,
                next: target.next ?? target.exit))
    }

    /// Names that a loop's own declaration makes: what it goes over must not use them.
    private func boundNames(_ left: SyntaxNode) throws(TraceError) -> [String] {
        guard left.kind == "VariableDeclaration" else { return [] }
        return try Declarations.names(of: try Declarations.declarators(left))
    }

    private mutating func bindLoopVariable(_ left: SyntaxNode, to value: Expression) throws(TraceError) {
        guard left.kind == "VariableDeclaration" else { return try bind(left, to: value, isDeclaration: false) }
        let kind = try left.text("kind")
        let patterns = try Declarations.declarators(left)
        if kind != "var" {
            for name in try Declarations.names(of: patterns) {
                out.append(.declare(declare(name, isConstant: kind == "const"), nil))
            }
        }
        if let pattern = patterns.first { try bind(pattern, to: value, isDeclaration: kind != "var") }
    }

    /// The number of the first case that fits, then each case's statements from that one on.
    private mutating func lowerSwitch(_ node: SyntaxNode) throws(TraceError) {
        let site = Site(start: node.start)
        let value = keep(try lower(expression: try node.node("discriminant")), site)
        let cases = try node.nodes("cases")
        let chosen = temporary()
        let first = cases.firstIndex { $0["test"] == .null || $0["test"] == nil } ?? cases.count
        out.append(.expression(.assign(chosen, .number(Double(first)), site)))
        let exit = Label(nil)
        try lowerScoped { lowering throws(TraceError) in
            let found = Label("")
            let choosing = try lowering.block { lowering throws(TraceError) in
                for (number, part) in cases.enumerated() {
                    guard let test = try part.optionalNode("test") else { continue }
                    let isEqual = Expression.equals(
                        value, try lowering.lower(expression: test), isStrict: true, isNegated: false, site)
                    let choose = Statement.expression(.assign(chosen, .number(Double(number)), site))
                    lowering.out.append(.if(isEqual, [choose, .break(found)], []))
                }
            }
            lowering.out.append(.labeled(choosing, found))
            lowering.targets.append(Target(exit: exit, next: nil))
            let bodies = try lowering.block { lowering throws(TraceError) in
                try lowering.lowerCases(cases, chosen, site)
            }
            lowering.targets.removeLast()
            lowering.out.append(.labeled(bodies, exit))
        }
    }

    private mutating func lowerCases(_ cases: [SyntaxNode], _ chosen: Variable, _ site: Site) throws(TraceError) {
        var all: [SyntaxNode] = []
        for part in cases { all += try part.nodes("consequent") }
        if all.contains(where: { $0.kind == "FunctionDeclaration" }) { return out.append(.abort(.construct, site)) }
        for statement in all where statement.kind == "VariableDeclaration" {
            let kind = try statement.text("kind")
            guard kind != "var" else { continue }
            for name in try Declarations.names(of: try Declarations.declarators(statement)) {
                out.append(.declare(declare(name, isConstant: kind == "const"), nil))
            }
        }
        for (number, part) in cases.enumerated() {
            let body = try block { lowering throws(TraceError) in
                lowering.isWithinCases = true
                for statement in try part.nodes("consequent") { try lowering.lower(statement) }
                lowering.isWithinCases = false
            }
            let isReached = Expression.compare(.lessEqual, .variable(chosen, site), .number(Double(number)), site)
            out.append(.if(isReached, body, []))
        }
    }
}
