import Testing
import WasmModule

struct WasmModuleTests {
    private var module: WasmModule {
        var module = WasmModule()
        module.imports = [
            WasmModule.Import(module: "m", name: "f", type: module.index(of: WasmModule.FunctionType([.i32], [])))
        ]
        module.table = WasmModule.Limits(min: 2, max: nil)
        module.memory = WasmModule.Limits(min: 1, max: 2)
        module.globals = [WasmModule.Global(type: .i64, isMutable: true, value: -5)]
        var code = CodeWriter(parameterCount: 1)
        let local = code.addLocal(.f64)
        code.f64(1.5)
        code.setLocal(local)
        let label = code.block()
        code.getLocal(0)
        code.branchIf(to: label)
        code.end()
        code.getLocal(0)
        let index = module.addFunction(WasmModule.FunctionType([.i32], [.i32]), body: code.finish())
        module.exports = [WasmModule.Export(name: "g", kind: .function, index: index)]
        module.elements = [WasmModule.Elements(offset: 1, functions: [index])]
        module.data = [WasmModule.Segment(address: 70_000, bytes: [1, 2, 3])]
        return module
    }

    @Test func aModuleReadsAsItWasWritten() throws {
        let module = module
        #expect(try WasmModule(module.encoded()) == module)
        #expect(module.function(named: "g") == 1)
    }

    @Test func numbersHaveTheirFormat() {
        // Section 5.2.2: -5 is 0x7b, 70000 is 0xf0 0xa2 0x04.
        let bytes = module.encoded()
        #expect(bytes.starts(with: [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]))
        #expect(bytes.suffix(10) == [0, 0x41, 0xf0, 0xa2, 0x04, 0x0b, 3, 1, 2, 3])
    }

    @Test func bytesThatAreCutAreRefused() {
        let bytes = module.encoded()
        for count in 0..<bytes.count where (try? WasmModule(Array(bytes[..<count]))) != nil {
            // A module may end after a section; what it lacks then shows as bodies that are missing.
            #expect((try? WasmModule(Array(bytes[..<count])))?.data.isEmpty == true)
        }
    }

    @Test func memoryBecomesSegmentsWithoutItsZeros() {
        var module = WasmModule()
        var memory = [UInt8](repeating: 0, count: 10_000)
        memory[100] = 1
        memory[130] = 2
        memory[9000] = 3
        module.takeMemory(memory)
        #expect(module.data.map(\.address) == [100, 9000])
        #expect(module.data.map(\.bytes.count) == [31, 1])
    }
}
