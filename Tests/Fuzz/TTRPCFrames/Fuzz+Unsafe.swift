import NIOCore
@testable import TTRPC

/// Entry of libFuzzer: the input is what a peer sends on a ttrpc connection. The decoder must cut it into frames within
/// the limit or refuse it, the same however the bytes arrive, and what it takes must be written as it came.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    let whole = frames(of: input, pieces: max(1, input.count))
    precondition(frames(of: input, pieces: 7) == whole, "the same bytes gave other frames in pieces")
    var written = ByteBuffer()
    for frame in whole {
        precondition(frame.payload.count <= CallFrame.maxPayload)
        try? CallFrameEncoder().encode(data: frame, out: &written)
    }
    precondition(input.starts(with: written.readableBytesView), "a frame was written otherwise than it came")
    return 0
}

private func frames(of input: [UInt8], pieces: Int) -> [CallFrame] {
    var (decoder, buffer, frames) = (CallFrameDecoder(), ByteBuffer(), [CallFrame]())
    var rest = input[...]
    while !rest.isEmpty {
        buffer.writeBytes(rest.prefix(pieces))
        rest = rest.dropFirst(pieces)
        do { while let frame = try decoder.decode(buffer: &buffer) { frames.append(frame) } } catch { break }
    }
    return frames
}
