import Trace
import TraceCompiler
import WasmModule

/// Entry of libFuzzer: the input is a trace, whose tree may be anything. It is compiled, or refused with a reason; what is
/// made reads as a module again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    guard let trace = try? FunctionTrace(input),
        let program = try? TraceCompiler.compile(trace, runtime: TraceCompiler.emptyRuntime)
    else { return 0 }
    let bytes = program.module.encoded()
    guard let again = try? WasmModule(bytes) else { preconditionFailure("the module does not read") }
    precondition(again == program.module)
    return 0
}
