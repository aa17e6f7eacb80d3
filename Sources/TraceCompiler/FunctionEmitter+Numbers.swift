import TraceRuntime
import WasmModule

extension Expression {
    /// A number that is made by an instruction, without a look at what it is made of.
    var isComputedNumber: Bool {
        switch self {
        case .arithmetic: true
        case .unary(let operation, _, _): [.negate, .plus, .complement].contains(operation)
        case .add: isNumeric
        default: false
        }
    }

    /// A boolean that is made as a condition.
    var isCondition: Bool {
        switch self {
        case .compare, .equals, .has: true
        case .unary(let operation, _, _): operation == .not
        default: false
        }
    }
}

extension FunctionEmitter {
    /// Pushes an expression as a number.
    mutating func pushNumber(_ expression: Expression) {
        switch expression {
        case .number(let number): code.f64(number)
        case .add(let left, let right, _) where expression.isNumeric:
            pushNumber(left)
            pushNumber(right)
            code.add(.f64Add)
        case .arithmetic(let operation, let left, let right, let site): pushArithmetic(operation, left, right, site)
        case .unary(.negate, let value, let site):
            pushNumber(value, site)
            code.add(.f64Negate)
        case .unary(.plus, let value, let site): pushNumber(value, site)
        case .unary(.complement, let value, let site):
            pushArithmetic(.xor, value, .number(-1), site)
        default:
            push(expression)
            code.add(.f64ReinterpretI64)
        }
    }

    /// Pushes a value of any kind as a number.
    private mutating func pushNumber(_ expression: Expression, _ site: Site) {
        if expression.isNumeric { return pushNumber(expression) }
        pushNumber(ofLocal: keep(expression), site)
    }

    /// Pushes two operands as numbers: both are there before one is converted, and an array may change meanwhile.
    private mutating func pushNumbers(_ left: Expression, _ right: Expression, _ site: Site) {
        if left.isNumeric {
            pushNumber(left)
            return pushNumber(right, site)
        }
        let first = keep(left)
        let second = keep(right)
        pushNumber(ofLocal: first, site)
        pushNumber(ofLocal: second, site)
    }

    private mutating func pushNumber(ofLocal local: Int, _ site: Site) {
        pushIsNumber(local)
        code.if(.i64)
        code.getLocal(local)
        code.else()
        mark(site)
        code.getLocal(local)
        callRuntime("to_number")
        code.end()
        code.add(.f64ReinterpretI64)
    }

    private mutating func pushArithmetic(
        _ operation: Arithmetic, _ left: Expression, _ right: Expression, _ site: Site
    ) {
        let instruction: CodeWriter.Operation? =
            switch operation {
            case .subtract: .f64Subtract
            case .multiply: .f64Multiply
            case .divide: .f64Divide
            default: nil
            }
        if let instruction {
            pushNumbers(left, right, site)
            return code.add(instruction)
        }
        if operation == .remainder {
            pushNumbers(left, right, site)
            return callRuntime("remainder")
        }
        let first = keep(left)
        let second = keep(right)
        mark(site)
        code.i32(Int32(operation.rawValue))
        code.getLocal(first)
        code.getLocal(second)
        callRuntime("arithmetic")
        code.add(.f64ReinterpretI64)
    }

    // MARK: conditions

    /// Pushes whether an expression is true, as 0 or 1.
    mutating func pushCondition(_ expression: Expression) {
        switch expression {
        case .constant(let value): code.i32(value == .true ? 1 : 0)
        case .unary(.not, let value, _):
            pushCondition(value)
            code.add(.i32EqualZero)
        case .compare(let operation, let left, let right, let site): pushComparison(operation, left, right, site)
        case .equals(let left, let right, let isStrict, let isNegated, let site):
            pushEquality(left, right, isStrict: isStrict, site)
            if isNegated { code.add(.i32EqualZero) }
        case .has(let key, let owner, let site):
            let first = keep(key)
            let second = keep(owner)
            mark(site)
            code.getLocal(first)
            code.getLocal(second)
            callRuntime("has")
        case .logical(.and, let left, let right):
            pushCondition(left)
            code.if(.i32)
            pushCondition(right)
            code.else()
            code.i32(0)
            code.end()
        case .logical(.or, let left, let right):
            pushCondition(left)
            code.if(.i32)
            code.i32(1)
            code.else()
            pushCondition(right)
            code.end()
        default:
            if expression.isNumeric {
                // Neither zero nor NaN.
                pushNumber(expression)
                code.add(.f64Absolute)
                code.f64(0)
                return code.add(.f64Greater)
            }
            pushTruth(ofLocal: keep(expression))
        }
    }

    mutating func pushTruth(ofLocal local: Int) {
        code.getLocal(local)
        code.i64(1)
        code.add(.i64Or)
        code.i64(Value.true)
        code.add(.i64Equal)
        code.if(.i32)
        code.getLocal(local)
        code.i64(Value.true)
        code.add(.i64Equal)
        code.else()
        code.getLocal(local)
        callRuntime("truthy")
        code.end()
    }

    private mutating func pushComparison(
        _ operation: ComparisonOperator, _ left: Expression, _ right: Expression, _ site: Site
    ) {
        let instruction: CodeWriter.Operation =
            switch operation {
            case .less: .f64Less
            case .greater: .f64Greater
            case .lessEqual: .f64LessEqual
            case .greaterEqual: .f64GreaterEqual
            }
        if left.isNumeric, right.isNumeric {
            pushNumber(left)
            pushNumber(right)
            return code.add(instruction)
        }
        let first = keep(left)
        let second = keep(right)
        pushAreNumbers(first, second)
        code.if(.i32)
        pushReinterpreted(first, second)
        code.add(instruction)
        code.else()
        mark(site)
        code.i32(Int32(operation.rawValue))
        code.getLocal(first)
        code.getLocal(second)
        callRuntime("compare")
        code.end()
    }

    private mutating func pushReinterpreted(_ first: Int, _ second: Int) {
        for local in [first, second] {
            code.getLocal(local)
            code.add(.f64ReinterpretI64)
        }
    }

    private mutating func pushEquality(_ left: Expression, _ right: Expression, isStrict: Bool, _ site: Site) {
        if left.isNumeric, right.isNumeric {
            pushNumber(left)
            pushNumber(right)
            return code.add(.f64Equal)
        }
        if case .constant(let value) = right {
            let local = keep(left)
            if isStrict {
                code.getLocal(local)
                code.i64(value)
                return code.add(.i64Equal)
            }
            if value == .null || value == .undefined { return pushIsNullish(local) }
        }
        let first = keep(left)
        let second = keep(right)
        pushAreNumbers(first, second)
        code.if(.i32)
        pushReinterpreted(first, second)
        code.add(.f64Equal)
        code.else()
        mark(site)
        code.getLocal(first)
        code.getLocal(second)
        callRuntime(isStrict ? "strict_equals" : "loose_equals")
        code.end()
    }
}
