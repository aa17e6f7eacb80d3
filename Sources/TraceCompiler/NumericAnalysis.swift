import TraceRuntime

/// Which variables only ever have numbers: their operations need no look at what a value is.
enum NumericAnalysis {
    static func run(_ functions: [FunctionBody]) {
        var candidates = functions.flatMap(\.variables).filter { $0.numericSources != nil }
        for variable in candidates { variable.isNumeric = true }
        // Optimistic: what depends on one that is not, is not either, until nothing changes.
        var isChanged = true
        while isChanged {
            isChanged = false
            candidates.removeAll { variable in
                let holds = variable.numericSources?.allSatisfy { $0.isNumeric } ?? false
                if !holds {
                    variable.isNumeric = false
                    isChanged = true
                }
                return !holds
            }
        }
    }
}

extension Expression {
    /// Whether its value is a number, whatever its operands are.
    var isNumeric: Bool {
        switch self {
        case .number, .arithmetic: true
        case .unary(let operation, _, _): [.negate, .plus, .complement].contains(operation)
        case .add(let left, let right, _): left.isNumeric && right.isNumeric
        case .variable(let variable, _), .checked(let variable, _): variable.isNumeric
        case .assign(_, let value, _): value.isNumeric
        case .conditional(_, let yes, let no): yes.isNumeric && no.isNumeric
        case .sequence(_, let last): last.isNumeric
        case .callBuiltin(let builtin, _, _): builtin.makesNumber
        default: false
        }
    }
}

extension Builtin {
    var makesNumber: Bool {
        switch self {
        case .mathAbs, .mathFloor, .mathCeil, .mathRound, .mathTrunc, .mathSign, .mathSqrt, .mathMin, .mathMax,
            .mathPow,
            .mathRandom, .mathFround, .mathImul, .mathClz32, .number, .parseFloat, .parseInt, .dateNow:
            true
        default: false
        }
    }
}
