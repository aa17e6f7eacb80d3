import Testing
import Trace
import TraceCompiler
import WasmModule

struct TraceCompilerTests {
    private func program(_ body: String) throws -> CompiledProgram {
        let text = """
            {"version":1,"path":"a.js","digest":"\(String(repeating: "0", count: 64))","lines":[0],"sites":[],
            "ast":{"type":"Program","start":0,"body":[\(body)]}}
            """
        return try TraceCompiler.compile(try FunctionTrace(Array(text.utf8)), runtime: TraceCompiler.emptyRuntime)
    }

    @Test func anEmptyProgramIsAModule() throws {
        let program = try program("")
        #expect(try WasmModule(program.module.encoded()) == program.module)
        #expect(
            program.module.exports.map(\.name).sorted() == [
                "allocate", "initialize", "memory", "resume", "site", "start",
            ])
        #expect(program.unsupported.isEmpty)
    }

    @Test func whatIsNotKnownIsUnsupportedAtItsPlace() throws {
        let program = try program(
            #"{"type":"WithStatement","start":7},{"type":"ExpressionStatement","start":20,"expression":{"type":"ImportMeta","start":21}}"#
        )
        #expect(program.unsupported.map(\.start) == [7, 21])
    }

    @Test(arguments: [
        #"{"type":"IfStatement","start":1}"#, #"{"type":"ExpressionStatement","start":1,"expression":5}"#, "5",
        #"{"type":"VariableDeclaration","start":1,"kind":"var","declarations":[{"type":"VariableDeclarator","start":2}]}"#,
        #"{"type":"FunctionDeclaration","start":1}"#,
        #"{"type":"ExpressionStatement","start":1,"expression":{"type":"BinaryExpression","start":1,"operator":"+","left":null}}"#,
    ])
    func aTreeThatLacksPartsIsRefused(body: String) {
        #expect(throws: TraceError.self) { try program(body) }
    }

    @Test func jumpsWithoutATargetAreUnsupported() throws {
        for kind in ["BreakStatement", "ContinueStatement"] {
            let program = try program(#"{"type":"\#(kind)","start":3,"label":null}"#)
            #expect(program.unsupported.map(\.start) == [3])
        }
    }
}
