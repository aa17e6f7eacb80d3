import Trace
import TraceRuntime
import WasmModule

/// Appends a program's functions to the run-time library.
struct ProgramEmitter {
    var module: WasmModule
    var pool: LiteralPool
    /// Places that aborts name, by their number.
    private(set) var sites: [Site] = []
    private var siteNumbers: [Site: Int] = [:]
    private var cells: [ObjectIdentifier: Int] = [:]
    private let runtime: [String: Int]
    /// Of each function: its index, and that of its continuation.
    private var indices: [(entry: Int, continuation: Int)] = []
    private let tableBase: Int
    let siteGlobal: Int
    let stackGlobal: Int

    static let entryType = WasmModule.FunctionType([.i32, .i64, .i32, .i32], [.i64])
    static let continuationType = WasmModule.FunctionType([.i32, .i64], [.i64])

    init(runtime module: WasmModule, functions: [FunctionBody]) throws(CompileError) {
        self.module = module
        guard let heap = module.global(named: "__heap_base"), let stack = module.global(named: "__stack_pointer"),
            let table = module.table
        else { throw CompileError("the run-time library lacks __heap_base, __stack_pointer or its table") }
        pool = LiteralPool(base: Int(module.globals[heap].value))
        stackGlobal = stack
        var runtime: [String: Int] = [:]
        for export in module.exports where export.kind == .function && export.name.hasPrefix("czone_") {
            runtime[String(export.name.dropFirst(6))] = export.index
        }
        self.runtime = runtime
        tableBase = table.min
        siteGlobal = module.globals.count
        self.module.globals.append(WasmModule.Global(type: .i32, isMutable: true, value: 0))
        var next = module.imports.count + module.functions.count
        for function in functions {
            indices.append((entry: next, continuation: next + 1))
            next += function.isAsync ? 2 : 1
        }
    }

    func index(of function: FunctionBody) -> Int { indices[function.number].entry }

    /// Places of a function and its continuation in the table.
    func tableIndex(of function: FunctionBody, isContinuation: Bool = false) -> Int {
        tableBase + function.number * 2 + (isContinuation ? 1 : 0)
    }

    func runtimeFunction(_ name: String) -> Int {
        guard let index = runtime[name] else { preconditionFailure("the run-time library has no czone_\(name)") }
        return index
    }

    mutating func number(of site: Site) -> Int {
        if let number = siteNumbers[site] { return number }
        siteNumbers[site] = sites.count
        sites.append(site)
        return sites.count - 1
    }

    mutating func cell(of variable: Variable) -> Int {
        let key = ObjectIdentifier(variable)
        if let address = cells[key] { return address }
        let address = pool.cell()
        cells[key] = address
        return address
    }

    /// Adds all functions, and `initialize`, which runs the top level.
    mutating func emit(_ functions: [FunctionBody]) {
        for function in functions {
            let entry = function.isAsync ? AsyncEntry.emit(function, &self) : FunctionEmitter.emit(function, &self)
            let index = module.addFunction(Self.entryType, body: entry)
            precondition(index == indices[function.number].entry, "functions are added in their order")
            if function.isAsync {
                _ = module.addFunction(Self.continuationType, body: FunctionEmitter.emit(function, &self))
            }
        }
        emitTable(functions)
        emitInitialization(functions[0])
        module.data.append(pool.segment)
    }

    private mutating func emitTable(_ functions: [FunctionBody]) {
        let list = functions.flatMap { function in
            let pair = indices[function.number]
            return [pair.entry, function.isAsync ? pair.continuation : pair.entry]
        }
        module.elements.append(WasmModule.Elements(offset: tableBase, functions: list))
        module.table = WasmModule.Limits(min: tableBase + list.count, max: tableBase + list.count)
    }

    private mutating func emitInitialization(_ top: FunctionBody) {
        let (literals, count) = pool.list()
        var code = CodeWriter(parameterCount: 0)
        code.i32(Int32(pool.end))
        code.i32(Int32(literals))
        code.i32(Int32(count))
        code.call(runtimeFunction("begin"))
        code.i32(0)
        code.i64(Value.undefined)
        code.i32(0)
        code.i32(0)
        code.call(index(of: top))
        code.call(runtimeFunction("seal"))
        let index = module.addFunction(WasmModule.FunctionType([], []), body: code.finish())
        let names = ["allocate", "start", "resume"]
        module.exports =
            names.map { WasmModule.Export(name: $0, kind: .function, index: runtimeFunction($0)) } + [
                WasmModule.Export(name: "memory", kind: .memory, index: 0),
                WasmModule.Export(name: "site", kind: .global, index: siteGlobal),
                WasmModule.Export(name: "initialize", kind: .function, index: index),
            ]
    }
}

/// A program that cannot be compiled at all.
public struct CompileError: Error, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
