import Events

/// Entry of libFuzzer: the input is what a caller or a container says in heads and bodies, a line each: the method, the
/// target, headers as NAME:VALUE, and after an empty line a body. What is taken must be as the specifications have it.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    let lines = input.split(separator: 0x0A, omittingEmptySubsequences: false)
    let method = String(decoding: lines[0], as: UTF8.self)
    let target = lines.count > 1 ? String(decoding: lines[1], as: UTF8.self) : ""
    let heads = lines.dropFirst(2).prefix { !$0.isEmpty }
    let headers = heads.map { line in
        let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
        return (
            name: String(decoding: parts[0], as: UTF8.self),
            value: parts.count > 1 ? String(decoding: parts[1], as: UTF8.self) : ""
        )
    }
    let body = Array(lines.dropFirst(3 + heads.count).joined(separator: [0x0A]))
    _ = RuntimeCall(method: method, target: target)
    _ = try? InvokeRequest(method: method, target: target, kind: headers.first?.value, logType: nil)
    if let trace = TraceContext(traceparent: target) { precondition(trace.text.utf8.count == 55) }
    if let event = try? CloudEvent.binary(headers: headers, body: body) {
        precondition(event.attributes["id"]?.isEmpty == false)
        // What was taken in one mode is an event in the other.
        let isText = event.attributes.values.allSatisfy { !$0.unicodeScalars.contains { $0.value < 0x20 } }
        if isText, (try? CloudEvent.checkStructured(event.structured, isBatch: false)) == nil {
            preconditionFailure("an event in binary mode is none in structured mode")
        }
    }
    for isBatch in [true, false] { try? CloudEvent.checkStructured(body, isBatch: isBatch) }
    return 0
}
