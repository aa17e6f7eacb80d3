import ControlProtocol
import FabricProtocol

/// Entry of libFuzzer: the input is what comes on a fabric's socket, either way. Frames are read or refused, and what is read
/// is written as it was.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    check(FabricRequest.self, input)
    check(FabricReply.self, input)
    return 0
}

private func check<Content: ControlMessage & Equatable>(_ type: Content.Type, _ input: [UInt8]) {
    var decoder = ControlFrameDecoder<Content>()
    decoder.append(input)
    while let frame = try? decoder.next() {
        guard let bytes = try? ControlFrame(request: frame.request, content: frame.content).bytes() else { continue }
        var again = ControlFrameDecoder<Content>()
        again.append(bytes)
        precondition((try? again.next())?.content == frame.content)
    }
}
