import Trace
import TraceRuntime

/// A variable of the program, or one that the compiler makes.
final class Variable {
    let name: String
    /// The function that declares it.
    unowned let function: FunctionBody
    let isConstant: Bool
    /// Readable before its declaration has run, as `var`, parameters and functions are.
    let isHoisted: Bool
    /// A function that is declared by name, and never assigned.
    var declaredFunction: FunctionBody?
    /// Used by a function within the one that declares it: it lies in a cell of its own.
    var isCaptured = false
    /// Its declaration has run wherever control comes to what is lowered now.
    var isInitialized = false
    var isAssigned = false
    /// All that is ever assigned; nil: it may be anything.
    var numericSources: [Expression]? = []

    init(_ name: String, in function: FunctionBody, isConstant: Bool = false, isHoisted: Bool = false) {
        self.name = name
        self.function = function
        self.isConstant = isConstant
        self.isHoisted = isHoisted
    }

    /// Of the program's top level, within no block: its cell has a fixed address.
    var isModule = false
    var isNumeric = false
    /// What it has is not compiled, but making it does nothing: only its uses end events.
    var isUnsupported = false
}

/// A function: what it declares and does.
final class FunctionBody {
    let parent: FunctionBody?
    let isAsync: Bool
    let isArrow: Bool
    var parameters: [Variable] = []
    var rest: Variable?
    /// Its `this`, where it or an arrow function within uses it.
    var this: Variable?
    /// Variables of functions around it, in the order of its closure's cells.
    var captures: [Variable] = []
    var statements: [Statement] = []
    /// All its variables.
    var variables: [Variable] = []
    /// Its number among the program's functions.
    let number: Int

    init(parent: FunctionBody?, number: Int, isAsync: Bool, isArrow: Bool) {
        self.parent = parent
        self.number = number
        self.isAsync = isAsync
        self.isArrow = isArrow
    }

    func captureIndex(of variable: Variable) -> Int {
        if let index = captures.firstIndex(where: { $0 === variable }) { return index }
        captures.append(variable)
        return captures.count - 1
    }
}

/// A place of the source that an abort names.
public struct Site: Hashable, Sendable {
    public let start: Int
}

enum UnaryOperator {
    case not, negate, plus, complement, typeOf, void
}

enum ComparisonOperator: UInt32 {
    case less, greater, lessEqual, greaterEqual
}

indirect enum Expression {
    case number(Double)
    /// undefined, null, true, false.
    case constant(Value)
    case text(TraceText)
    case builtinValue(Builtin)
    case variable(Variable, Site)
    /// A variable whose declaration may not have run.
    case checked(Variable, Site)
    /// The function that runs.
    case ownClosure
    case assign(Variable, Expression, Site)
    case function(FunctionBody)
    case this(Variable, Site)
    case get(Expression, String, Site)
    case getIndex(Expression, Expression, Site)
    case set(Expression, String, Expression, Site)
    case setIndex(Expression, Expression, Expression, Site)
    case remove(Expression, Expression, Site)
    case call(Expression, [Argument], Site)
    /// A function with its `this`.
    case callOn(Expression, Expression, [Argument], Site)
    case callMethod(Expression, String, [Argument], Site)
    case callBuiltin(Builtin, [Argument], Site)
    case unary(UnaryOperator, Expression, Site)
    case add(Expression, Expression, Site)
    case arithmetic(Arithmetic, Expression, Expression, Site)
    case compare(ComparisonOperator, Expression, Expression, Site)
    case equals(Expression, Expression, isStrict: Bool, isNegated: Bool, Site)
    case has(Expression, Expression, Site)
    case logical(LogicalOperator, Expression, Expression)
    case conditional(Expression, Expression, Expression)
    case sequence([Expression], Expression)
    case object([Property], Site)
    case array([Argument], Site)
    /// Texts and values in turn, of a template.
    case template([Expression], Site)
    /// An optional chain: undefined where one of its guards finds nothing.
    case chain(Expression)
    /// Leaves the chain around it where the value is null or undefined.
    case chainGuard(Expression)
    /// A function of the runtime on values, whose result is a value.
    case runtime(String, [Expression], Site)
    /// Ends the event.
    case abort(AbortReason, Site)
}

enum LogicalOperator { case and, or, coalesce }

struct Argument {
    let value: Expression
    let isSpread: Bool
}

enum Property {
    case value(Expression, Expression)
    case spread(Expression)
}

/// What `break` and `continue` go to.
final class Label {
    let name: String?
    init(_ name: String?) { self.name = name }
}

indirect enum Statement {
    case expression(Expression)
    /// A variable begins: a fresh cell for one that is captured, and its value, if it has one already.
    case declare(Variable, Expression?)
    case `if`(Expression, [Statement], [Statement])
    /// Until the test fails; `carried` are variables of which each round has its own.
    case loop(test: Expression?, body: [Statement], update: [Statement], carried: [Variable], exit: Label, next: Label)
    case labeled([Statement], Label)
    case `break`(Label)
    case `return`(Expression)
    /// Waits for the value; then the variable has what it became.
    case await(Variable, Expression, Site)
    case abort(AbortReason, Site)
}

extension [Statement] {
    /// Whether one of them waits.
    var containsAwait: Bool { contains { $0.containsAwait } }
}

extension Statement {
    var containsAwait: Bool {
        switch self {
        case .await: true
        case .if(_, let yes, let no): yes.containsAwait || no.containsAwait
        case .loop(_, let body, let update, _, _, _): body.containsAwait || update.containsAwait
        case .labeled(let body, _): body.containsAwait
        default: false
        }
    }
}
