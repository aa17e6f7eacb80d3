import Trace
import TraceRuntime
import WasmModule

extension FunctionEmitter {
    mutating func emitDropped(_ expression: Expression) {
        if case .sequence(let first, let last) = expression {
            first.forEach { emitDropped($0) }
            return emitDropped(last)
        }
        push(expression)
        code.add(.drop)
    }

    /// Pushes an expression's value.
    mutating func push(_ expression: Expression) {
        if expression.isComputedNumber {
            pushNumber(expression)
            return code.add(.i64ReinterpretF64)
        }
        if expression.isCondition {
            pushCondition(expression)
            code.add(.i64ExtendI32Unsigned)
            code.i64(Value.false)
            return code.add(.i64Or)
        }
        switch expression {
        case .number(let number): code.i64(number.isNaN ? Double.nan.bitPattern : number.bitPattern)
        case .constant(let value): code.i64(value)
        case .text(let text): pushText(text)
        case .builtinValue(let builtin): code.i64(Tag.builtin << 48 | UInt64(builtin.rawValue))
        case .variable(let variable, _): get(variable)
        case .checked(let variable, let site): pushChecked(variable, site)
        case .ownClosure:
            pushClosure()
            code.add(.i64ExtendI32Unsigned)
            code.i64(Tag.function << 48)
            code.add(.i64Or)
        case .assign(let variable, let value, let site):
            let kept = keep(value)
            mark(site)
            set(variable, from: kept)
            code.getLocal(kept)
        case .function(let body): pushClosure(of: body)
        case .this(let variable, let site): pushThis(variable, site)
        case .sequence(let first, let last):
            first.forEach { emitDropped($0) }
            push(last)
        case .abort(let reason, let site): abort(reason, site)
        case .logical(let kind, let left, let right): pushLogical(kind, left, right)
        case .conditional(let test, let yes, let no):
            pushCondition(test)
            code.if(.i64)
            push(yes)
            code.else()
            push(no)
            code.end()
        case .unary(let operation, let value, let site): pushUnary(operation, value, site)
        case .add(let left, let right, let site): pushSum(left, right, site)
        default: pushObjectOperation(expression)
        }
    }

    /// Keeps an expression's value in a local of the code's.
    mutating func keep(_ expression: Expression) -> Int {
        push(expression)
        let local = code.addLocal(.i64)
        code.setLocal(local)
        return local
    }

    mutating func pushAddress(_ text: TraceText) { code.i32(Int32(program.pool.text(text))) }

    mutating func pushText(_ text: TraceText) { code.i64(Tag.string << 48 | UInt64(program.pool.text(text))) }

    private mutating func pushChecked(_ variable: Variable, _ site: Site) {
        get(variable)
        let local = code.addLocal(.i64)
        code.teeLocal(local)
        code.i64(Value.uninitialized)
        code.add(.i64Equal)
        code.if()
        abort(.exception, site)
        code.end()
        code.getLocal(local)
    }

    private mutating func pushThis(_ variable: Variable, _ site: Site) {
        get(variable)
        let local = code.addLocal(.i64)
        // Anything but an object would become another one, or the global object.
        code.teeLocal(local)
        code.i64(Tag.object << 48)
        code.add(.i64LessUnsigned)
        code.if()
        abort(.type, site)
        code.end()
        code.getLocal(local)
    }

    private mutating func pushClosure(of body: FunctionBody) {
        code.i32(Int32(program.tableIndex(of: body)))
        code.i32(Int32(body.captures.count))
        callRuntime("closure")
        let local = code.addLocal(.i64)
        code.setLocal(local)
        for (place, variable) in body.captures.enumerated() {
            code.getLocal(local)
            code.add(.i32WrapI64)
            pushCell(variable)
            code.storeI32(offset: 8 + place * 4)
        }
        code.getLocal(local)
    }

    private mutating func pushLogical(_ kind: LogicalOperator, _ left: Expression, _ right: Expression) {
        let local = keep(left)
        if kind == .coalesce {
            pushIsNullish(local)
            code.if(.i64)
            push(right)
            code.else()
            code.getLocal(local)
            code.end()
            return
        }
        pushTruth(ofLocal: local)
        code.if(.i64)
        if kind == .and { push(right) } else { code.getLocal(local) }
        code.else()
        if kind == .and { code.getLocal(local) } else { push(right) }
        code.end()
    }

    mutating func pushIsNullish(_ local: Int) {
        code.getLocal(local)
        code.i64(1)
        code.add(.i64Or)
        code.i64(Value.null)
        code.add(.i64Equal)
    }

    private mutating func pushUnary(_ operation: UnaryOperator, _ value: Expression, _ site: Site) {
        switch operation {
        case .typeOf:
            push(value)
            callRuntime("type_of")
        default:
            emitDropped(value)
            code.i64(Value.undefined)
        }
    }

    private mutating func pushSum(_ left: Expression, _ right: Expression, _ site: Site) {
        let first = keep(left)
        let second = keep(right)
        pushAreNumbers(first, second)
        code.if(.i64)
        for local in [first, second] {
            code.getLocal(local)
            code.add(.f64ReinterpretI64)
        }
        code.add(.f64Add)
        code.add(.i64ReinterpretF64)
        code.else()
        mark(site)
        code.getLocal(first)
        code.getLocal(second)
        callRuntime("add")
        code.end()
    }

    mutating func pushAreNumbers(_ first: Int, _ second: Int) {
        pushIsNumber(first)
        pushIsNumber(second)
        code.add(.i32And)
    }

    mutating func pushIsNumber(_ local: Int) {
        code.getLocal(local)
        code.i64(Tag.first)
        code.add(.i64LessUnsigned)
    }
}
