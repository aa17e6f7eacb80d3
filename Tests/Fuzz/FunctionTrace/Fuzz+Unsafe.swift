import Trace

/// Entry of libFuzzer: the input is what a container sends as a function's trace. It is within its bounds, or refused with a
/// reason.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    do throws(TraceError) {
        let trace = try FunctionTrace(input)
        precondition(trace.digest.utf8.count == 64 && trace.program.kind == "Program")
        precondition(trace.position(of: trace.program.start).line >= 1)
        precondition(trace.sites.values.allSatisfy { $0.types.count <= 16 && $0.callees.count <= 16 })
        _ = trace.program.contains(["AwaitExpression"])
    } catch {
        precondition(error.description.hasPrefix("trace: "))
    }
    return 0
}
