public import Trace
import TraceRuntime
public import WasmModule

/// A program as a WebAssembly module.
public struct CompiledProgram: Sendable {
    /// Its export `initialize` runs the top level; afterwards, memory is what events begin with.
    public let module: WasmModule
    /// Places of the source that aborts name, by their number.
    public let sites: [Site]
    /// Constructs that are not compiled, where they stand: an event that comes there is aborted.
    public let unsupported: [Site]
}

/// Compiles what was traced.
public enum TraceCompiler {
    /// Makes a module of a function's source.
    ///
    /// - Parameters:
    ///   - trace: what a container has sent.
    ///   - runtime: the run-time library, which the functions are appended to.
    /// - Throws: `TraceError` where the tree is none; `CompileError` where nothing can be made of it.
    public static func compile(_ trace: FunctionTrace, runtime: WasmModule) throws -> CompiledProgram {
        let functions = try Lowering.lower(trace.program)
        NumericAnalysis.run(functions)
        var emitter = try ProgramEmitter(runtime: runtime, functions: functions)
        emitter.emit(functions)
        var unsupported = Set<Site>()
        for function in functions { UnsupportedSites.collect(function.statements, into: &unsupported) }
        return CompiledProgram(
            module: emitter.module, sites: emitter.sites, unsupported: unsupported.sorted { $0.start < $1.start })
    }
}
