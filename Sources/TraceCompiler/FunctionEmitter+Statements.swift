import TraceRuntime
import WasmModule

extension FunctionEmitter {
    /// Statements in their order. Where some of them wait, each part is passed over that does not have the state's `await`.
    mutating func emit(_ statements: [Statement]) {
        guard isResumable, statements.containsAwait else { return statements.forEach { emitOne($0) } }
        var plain: [Statement] = []
        for statement in statements {
            if statement.containsAwait {
                emitPlain(plain)
                plain = []
                emitResumable(statement)
            } else {
                plain.append(statement)
            }
        }
        emitPlain(plain)
    }

    private mutating func emitPlain(_ statements: [Statement]) {
        if statements.isEmpty { return }
        code.getLocal(state)
        code.add(.i32EqualZero)
        code.if()
        statements.forEach { emitOne($0) }
        code.end()
    }

    private mutating func emitResumable(_ statement: Statement) {
        pushIsWithin(statement.awaitCount)
        code.getLocal(state)
        code.add(.i32EqualZero)
        code.add(.i32Or)
        code.if()
        emitOne(statement)
        code.end()
    }

    /// Pushes whether the state is one of the next ones.
    private mutating func pushIsWithin(_ count: Int) {
        code.getLocal(state)
        code.i32(Int32(nextState))
        code.add(.i32Subtract)
        code.i32(Int32(count))
        code.add(.i32LessUnsigned)
    }

    private mutating func emitOne(_ statement: Statement) {
        switch statement {
        case .expression(let expression): emitDropped(expression)
        case .declare(let variable, let value):
            declare(variable) { emitter in
                if let value { emitter.push(value) } else { emitter.code.i64(Value.uninitialized) }
            }
        case .if(let test, let yes, let no): emitIf(test, yes, no)
        case .loop(let test, let body, let update, let carried, let exit, let next):
            emitLoop(test, body, update, carried, exit, next)
        case .labeled(let body, let label):
            labels[ObjectIdentifier(label)] = code.block()
            emit(body)
            code.end()
        case .break(let label): code.branch(to: labels[ObjectIdentifier(label)] ?? exit)
        case .return(let value): emitReturn(value)
        case .await(let variable, let value, let site): emitAwait(variable, value, site)
        case .abort(let reason, let site): abort(reason, site)
        }
    }

    private mutating func emitReturn(_ value: Expression) {
        push(value)
        if function.isAsync {
            let result = code.addLocal(.i64)
            code.setLocal(result)
            code.getLocal(0)
            code.getLocal(result)
            callRuntime("finish")
        }
        code.branch(to: exit)
    }

    private mutating func emitIf(_ test: Expression, _ yes: [Statement], _ no: [Statement]) {
        if isResumable, yes.containsAwait || no.containsAwait {
            code.getLocal(state)
            code.add(.i32EqualZero)
            code.if(.i32)
            pushCondition(test)
            code.else()
            pushIsWithin(yes.awaitCount)
            code.end()
        } else {
            pushCondition(test)
        }
        code.if()
        emit(yes)
        if !no.isEmpty {
            code.else()
            emit(no)
        }
        code.end()
    }

    private mutating func emitLoop(
        _ test: Expression?, _ body: [Statement], _ update: [Statement], _ carried: [Variable], _ exit: Label,
        _ next: Label
    ) {
        let isWaiting = isResumable && (body.containsAwait || update.containsAwait)
        let end = code.block()
        labels[ObjectIdentifier(exit)] = end
        let top = code.loop()
        if let test {
            if isWaiting { beginIfRunning() }
            pushCondition(test)
            code.add(.i32EqualZero)
            code.branchIf(to: end)
            if isWaiting { code.end() }
        }
        labels[ObjectIdentifier(next)] = code.block()
        if isWaiting, !body.containsAwait { emitPlain(body) } else { emit(body) }
        code.end()
        for variable in carried where variable.isCaptured {
            if isWaiting { beginIfRunning() }
            declare(variable) { $0.get(variable) }
            if isWaiting { code.end() }
        }
        emit(update)
        code.branch(to: top)
        code.end()
        code.end()
    }

    private mutating func beginIfRunning() {
        code.getLocal(state)
        code.add(.i32EqualZero)
        code.if()
    }

    private mutating func emitAwait(_ variable: Variable, _ value: Expression, _ site: Site) {
        let number = nextState
        nextState += 1
        beginIfRunning()
        mark(site)
        push(value)
        let waited = code.addLocal(.i64)
        code.setLocal(waited)
        code.getLocal(0)
        code.i32(Int32(number))
        code.storeI32(offset: 4)
        code.getLocal(0)
        code.getLocal(waited)
        callRuntime("await")
        code.branch(to: exit)
        code.end()
        code.i32(0)
        code.setLocal(state)
        set(variable, from: 1)
    }
}

extension [Statement] {
    var awaitCount: Int { reduce(0) { $0 + $1.awaitCount } }
}

extension Statement {
    /// How many times it may wait, counted in the source.
    var awaitCount: Int {
        switch self {
        case .await: 1
        case .if(_, let yes, let no): yes.awaitCount + no.awaitCount
        case .loop(_, let body, let update, _, _, _): body.awaitCount + update.awaitCount
        case .labeled(let body, _): body.awaitCount
        default: 0
        }
    }
}
