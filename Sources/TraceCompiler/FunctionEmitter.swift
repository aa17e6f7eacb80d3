import Trace
import TraceRuntime
import WasmModule

/// Makes the code of one function. An async function's is that of its continuation, whose variables lie in a frame, so that
/// it can stop and go on: it is entered at state 0, or at the number of the `await` that it stopped at.
struct FunctionEmitter {
    let function: FunctionBody
    var program: ProgramEmitter
    var code: CodeWriter
    private var locals: [ObjectIdentifier: Int] = [:]
    private var slots: [ObjectIdentifier: Int] = [:]
    var labels: [ObjectIdentifier: Int] = [:]
    /// What `return` goes to.
    var exit = 0
    /// Where optional chains around what is made now end.
    var chains: [Int] = []
    /// The local with the state of an async function, and the number of the next `await`.
    var state = 0
    var nextState = 1
    let isResumable: Bool

    /// Slots of a frame, before those of variables.
    static let closureSlot = 0
    static let firstVariableSlot = 1

    static func slotCount(of function: FunctionBody) -> Int { firstVariableSlot + function.variables.count }
    static func offset(ofSlot slot: Int) -> Int { 16 + slot * 8 }

    static func emit(_ function: FunctionBody, _ program: inout ProgramEmitter) -> [UInt8] {
        var emitter = FunctionEmitter(function, program)
        if function.isAsync { emitter.emitContinuation() } else { emitter.emitBody() }
        program = emitter.program
        return emitter.code.finish()
    }

    private init(_ function: FunctionBody, _ program: ProgramEmitter) {
        self.function = function
        self.program = program
        isResumable = function.statements.containsAwait
        code = CodeWriter(parameterCount: function.isAsync ? 2 : 4)
    }

    /// Parameters: closure, this, count, list.
    private mutating func emitBody() {
        exit = code.block(.i64)
        if let this = function.this { declare(this) { $0.code.getLocal(1) } }
        for (place, parameter) in function.parameters.enumerated() {
            declare(parameter) { $0.emitArgument(place, count: 2, list: 3) }
        }
        if let rest = function.rest {
            declare(rest) { emitter in
                emitter.code.getLocal(2)
                emitter.code.getLocal(3)
                emitter.code.i32(Int32(emitter.function.parameters.count))
                emitter.callRuntime("rest")
            }
        }
        emit(function.statements)
        code.i64(Value.undefined)
        code.end()
    }

    mutating func emitArgument(_ place: Int, count: Int, list: Int) {
        code.getLocal(count)
        code.i32(Int32(place))
        code.add(.i32GreaterUnsigned)
        code.if(.i64)
        code.getLocal(list)
        code.loadI64(offset: place * 8)
        code.else()
        code.i64(Value.undefined)
        code.end()
    }

    /// Parameters: the frame, what it waited for. In the frame are `this` and the arguments as they were given.
    private mutating func emitContinuation() {
        for (place, variable) in function.variables.enumerated() {
            slots[ObjectIdentifier(variable)] = Self.firstVariableSlot + place
        }
        state = code.addLocal(.i32)
        code.getLocal(0)
        code.loadI32(offset: 4)
        code.setLocal(state)
        exit = code.block()
        let given = [function.this].compactMap { $0 } + function.parameters + [function.rest].compactMap { $0 }
        for variable in given where variable.isCaptured {
            // Its slot has the value; from now on, a cell.
            code.getLocal(state)
            code.add(.i32EqualZero)
            code.if()
            declare(variable) { $0.loadSlot(of: variable) }
            code.end()
        }
        emit(function.statements)
        code.getLocal(0)
        code.i64(Value.undefined)
        callRuntime("finish")
        code.end()
        code.i64(Value.undefined)
    }

    // MARK: variables

    private func slotOffset(of variable: Variable) -> Int? {
        slots[ObjectIdentifier(variable)].map { Self.offset(ofSlot: $0) }
    }

    private mutating func loadSlot(of variable: Variable) {
        code.getLocal(0)
        code.loadI64(offset: slotOffset(of: variable) ?? 0)
    }

    private mutating func local(of variable: Variable) -> Int {
        let key = ObjectIdentifier(variable)
        if let index = locals[key] { return index }
        let index = code.addLocal(variable.isCaptured ? .i32 : .i64)
        locals[key] = index
        return index
    }

    /// Pushes the address of a variable's cell.
    mutating func pushCell(_ variable: Variable) {
        if variable.isModule { return code.i32(Int32(program.cell(of: variable))) }
        if variable.function !== function {
            pushClosure()
            return code.loadI32(offset: 8 + function.captureIndex(of: variable) * 4)
        }
        if slotOffset(of: variable) != nil {
            loadSlot(of: variable)
            code.add(.i32WrapI64)
        } else {
            code.getLocal(local(of: variable))
        }
    }

    /// Pushes the address of the closure that runs.
    mutating func pushClosure() {
        code.getLocal(0)
        guard function.isAsync else { return }
        code.loadI64(offset: Self.offset(ofSlot: Self.closureSlot))
        code.add(.i32WrapI64)
    }

    private func isInCell(_ variable: Variable) -> Bool { variable.isModule || variable.isCaptured }

    mutating func get(_ variable: Variable) {
        if isInCell(variable) {
            pushCell(variable)
            code.loadI64(offset: 0)
        } else if slotOffset(of: variable) != nil {
            loadSlot(of: variable)
        } else {
            code.getLocal(local(of: variable))
        }
    }

    /// Begins a variable's life: with a fresh cell where it is captured.
    mutating func declare(_ variable: Variable, value: (inout FunctionEmitter) -> Void) {
        if variable.isModule {
            pushCell(variable)
            value(&self)
            code.storeI64(offset: 0)
        } else if let offset = slotOffset(of: variable) {
            code.getLocal(0)
            value(&self)
            if variable.isCaptured {
                callRuntime("cell")
                code.add(.i64ExtendI32Unsigned)
            }
            code.storeI64(offset: offset)
        } else {
            value(&self)
            if variable.isCaptured { callRuntime("cell") }
            code.setLocal(local(of: variable))
        }
    }

    /// Assigns the value of a local to a variable that is there.
    mutating func set(_ variable: Variable, from value: Int) {
        if isInCell(variable) {
            pushCell(variable)
            code.getLocal(value)
            // The top level runs before there are events.
            if variable.isModule, function.parent == nil { code.storeI64(offset: 0) } else { callRuntime("set_cell") }
        } else if let offset = slotOffset(of: variable) {
            code.getLocal(0)
            code.getLocal(value)
            code.storeI64(offset: offset)
        } else {
            code.getLocal(value)
            code.setLocal(local(of: variable))
        }
    }

    // MARK: calls of the runtime

    mutating func callRuntime(_ name: String) { code.call(program.runtimeFunction(name)) }

    /// Says where the program is, before what may end the event.
    mutating func mark(_ site: Site) {
        code.i32(Int32(program.number(of: site)))
        code.setGlobal(program.siteGlobal)
    }

    mutating func abort(_ reason: AbortReason, _ site: Site) {
        mark(site)
        code.i32(reason.rawValue)
        callRuntime("abort")
        code.add(.unreachable)
    }
}

/// The beginning of an async function: makes its frame, and runs it until it waits first.
enum AsyncEntry {
    static func emit(_ function: FunctionBody, _ program: inout ProgramEmitter) -> [UInt8] {
        var code = CodeWriter(parameterCount: 4)
        let frame = code.addLocal(.i32)
        code.i32(Int32(program.tableIndex(of: function, isContinuation: true)))
        code.i32(Int32(FunctionEmitter.slotCount(of: function)))
        code.call(program.runtimeFunction("frame"))
        code.setLocal(frame)
        func store(_ slot: Int, _ value: (inout CodeWriter) -> Void) {
            code.getLocal(frame)
            value(&code)
            code.storeI64(offset: FunctionEmitter.offset(ofSlot: slot))
        }
        store(FunctionEmitter.closureSlot) { code in
            code.getLocal(0)
            code.add(.i64ExtendI32Unsigned)
        }
        for (place, variable) in function.variables.enumerated() {
            let slot = FunctionEmitter.firstVariableSlot + place
            if variable === function.this {
                store(slot) { $0.getLocal(1) }
            } else if let number = function.parameters.firstIndex(where: { $0 === variable }) {
                store(slot) { code in
                    code.getLocal(2)
                    code.i32(Int32(number))
                    code.add(.i32GreaterUnsigned)
                    code.if(.i64)
                    code.getLocal(3)
                    code.loadI64(offset: number * 8)
                    code.else()
                    code.i64(Value.undefined)
                    code.end()
                }
            } else if variable === function.rest {
                store(slot) { code in
                    code.getLocal(2)
                    code.getLocal(3)
                    code.i32(Int32(function.parameters.count))
                    code.call(program.runtimeFunction("rest"))
                }
            }
        }
        code.getLocal(frame)
        code.i64(Value.undefined)
        code.call(program.index(of: function) + 1)
        code.add(.drop)
        code.getLocal(frame)
        code.loadI64(offset: 8)
        return code.finish()
    }
}
