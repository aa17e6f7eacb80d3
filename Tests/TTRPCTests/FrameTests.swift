import NIOCore
import Testing

@testable import TTRPC

/// Frames of a ttrpc connection, byte for byte.
@Suite struct FrameTests {
    private func decode(_ bytes: [UInt8]) throws -> [CallFrame] {
        var (decoder, buffer, frames) = (CallFrameDecoder(), ByteBuffer(bytes: bytes), [CallFrame]())
        while let frame = try decoder.decode(buffer: &buffer) { frames.append(frame) }
        return frames
    }

    @Test func aRequestIsWrittenAsTheProtocolHasIt() throws {
        var out = ByteBuffer()
        try CallFrameEncoder().encode(data: CallFrame(stream: 3, kind: .request, payload: [0xAA, 0xBB]), out: &out)
        #expect(
            Array(out.readableBytesView) == [
                0, 0, 0, 2,  // length
                0, 0, 0, 3,  // stream
                1, 0,  // request, no flags
                0xAA, 0xBB,
            ])
    }

    @Test func framesAreCutOutOfAStreamWhereverItIsBroken() throws {
        let frames = [
            CallFrame(stream: 1, kind: .request, payload: []),
            CallFrame(stream: 3, kind: .response, flags: 1, payload: [1, 2, 3]),
            CallFrame(stream: 5, kind: .data, payload: [UInt8](repeating: 7, count: 1000)),
        ]
        var bytes = ByteBuffer()
        for frame in frames { try CallFrameEncoder().encode(data: frame, out: &bytes) }
        let all = Array(bytes.readableBytesView)
        #expect(try decode(all) == frames)
        var (decoder, buffer, found) = (CallFrameDecoder(), ByteBuffer(), [CallFrame]())
        for byte in all {
            buffer.writeInteger(byte)
            while let frame = try decoder.decode(buffer: &buffer) { found.append(frame) }
        }
        #expect(found == frames)
    }

    @Test func aFrameThatIsTooLongIsRefusedByItsHeader() throws {
        #expect(throws: CallFrameError.tooLong((4 << 20) + 1)) {
            try decode([0x00, 0x40, 0x00, 0x01, 0, 0, 0, 1, 1, 0])
        }
        #expect(throws: CallFrameError.kind(9)) { try decode([0, 0, 0, 0, 0, 0, 0, 1, 9, 0]) }
        #expect(try decode([0, 0, 0, 1, 0, 0, 0, 1, 1]).isEmpty)
        var out = ByteBuffer()
        #expect(throws: CallFrameError.tooLong((4 << 20) + 1)) {
            try CallFrameEncoder().encode(
                data: CallFrame(stream: 1, kind: .data, payload: [UInt8](repeating: 0, count: (4 << 20) + 1)), out: &out
            )
        }
    }
}
