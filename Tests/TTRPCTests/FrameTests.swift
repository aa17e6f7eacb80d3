import NIOCore
import Testing

@testable import TTRPC

/// Frames of a ttrpc connection, byte for byte.
@Suite struct FrameTests {
    private func decode(_ bytes: [UInt8]) throws -> [Frame] {
        var (decoder, buffer, frames) = (FrameDecoder(), ByteBuffer(bytes: bytes), [Frame]())
        while let frame = try decoder.decode(buffer: &buffer) { frames.append(frame) }
        return frames
    }

    @Test func aRequestIsWrittenAsTheProtocolHasIt() throws {
        var out = ByteBuffer()
        try FrameEncoder().encode(data: Frame(stream: 3, kind: .request, payload: [0xAA, 0xBB]), out: &out)
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
            Frame(stream: 1, kind: .request, payload: []),
            Frame(stream: 3, kind: .response, flags: 1, payload: [1, 2, 3]),
            Frame(stream: 5, kind: .data, payload: [UInt8](repeating: 7, count: 1000)),
        ]
        var bytes = ByteBuffer()
        for frame in frames { try FrameEncoder().encode(data: frame, out: &bytes) }
        let all = Array(bytes.readableBytesView)
        #expect(try decode(all) == frames)
        var (decoder, buffer, found) = (FrameDecoder(), ByteBuffer(), [Frame]())
        for byte in all {
            buffer.writeInteger(byte)
            while let frame = try decoder.decode(buffer: &buffer) { found.append(frame) }
        }
        #expect(found == frames)
    }

    @Test func aFrameThatIsTooLongIsRefusedByItsHeader() throws {
        #expect(throws: FrameError.tooLong((4 << 20) + 1)) { try decode([0x00, 0x40, 0x00, 0x01, 0, 0, 0, 1, 1, 0]) }
        #expect(throws: FrameError.kind(9)) { try decode([0, 0, 0, 0, 0, 0, 0, 1, 9, 0]) }
        #expect(try decode([0, 0, 0, 1, 0, 0, 0, 1, 1]).isEmpty)
        var out = ByteBuffer()
        #expect(throws: FrameError.tooLong((4 << 20) + 1)) {
            try FrameEncoder().encode(
                data: Frame(stream: 1, kind: .data, payload: [UInt8](repeating: 0, count: (4 << 20) + 1)), out: &out)
        }
    }
}
