public import WasmModule

extension TraceCompiler {
    /// A library with the functions that compiled code calls, which do nothing: for tests of the compiler alone.
    public static let emptyRuntime: WasmModule = {
        var module = WasmModule()
        module.table = WasmModule.Limits(min: 1, max: 1)
        module.memory = WasmModule.Limits(min: 256, max: 256)
        module.globals = [
            WasmModule.Global(type: .i32, isMutable: true, value: 65536),
            WasmModule.Global(type: .i32, isMutable: false, value: 65536),
        ]
        module.exports = [
            WasmModule.Export(name: "__stack_pointer", kind: .global, index: 0),
            WasmModule.Export(name: "__heap_base", kind: .global, index: 1),
            WasmModule.Export(name: "memory", kind: .memory, index: 0),
        ]
        for (name, parameters, result) in signatures {
            let type = WasmModule.FunctionType(parameters.map(valueType), result.map { [valueType($0)] } ?? [])
            var code = CodeWriter(parameterCount: parameters.count)
            code.add(.unreachable)
            let index = module.addFunction(type, body: code.finish())
            module.exports.append(WasmModule.Export(name: "czone_\(name)", kind: .function, index: index))
        }
        return module
    }()

    private static func valueType(_ letter: Character) -> WasmModule.ValueType {
        letter == "i" ? .i32 : letter == "d" ? .f64 : .i64
    }

    /// Names, parameters and results (i: i32, l: i64, d: f64) of the run-time library's functions.
    private static let signatures: [(String, String, Character?)] = [
        ("call", "llii", "l"), ("builtin", "iii", "l"), ("call_method", "liii", "l"), ("resume", "iiiiii", nil),
        ("loop", "l", "l"), ("begin", "iii", nil), ("seal", "l", nil), ("start", "ii", nil), ("abort", "i", nil),
        ("allocate", "i", "i"), ("truthy", "l", "i"), ("to_number", "l", "l"), ("to_text", "l", "l"),
        ("add", "ll", "l"),
        ("remainder", "dd", "d"), ("push_one", "lil", "l"), ("arithmetic", "ill", "l"), ("strict_equals", "ll", "i"),
        ("loose_equals", "ll", "i"), ("compare", "ill", "i"),
        ("type_of", "l", "l"), ("frame", "ii", "i"), ("await", "il", nil), ("finish", "il", nil), ("get", "li", "l"),
        ("get_index", "ll", "l"), ("set", "lil", nil), ("set_index", "lll", nil), ("define", "lll", nil),
        ("remove", "ll", "l"), ("has", "ll", "i"), ("object", "i", "l"), ("array", "i", "l"), ("push", "ll", nil),
        ("closure", "ii", "l"), ("cell", "l", "i"), ("set_cell", "il", nil), ("rest", "iii", "l"),
        ("iterate", "l", "l"),
        ("spread", "ll", nil), ("copy_properties", "ll", nil), ("without", "ll", "l"), ("names", "l", "l"),
    ]
}
