import AgentProtocol
import ControlProtocol
import Testing

private func decoded(_ pieces: [[UInt8]]) throws(ProtocolError) -> [ControlFrame<ControlReply>] {
    var decoder = ControlFrameDecoder<ControlReply>()
    var frames: [ControlFrame<ControlReply>] = []
    for piece in pieces {
        decoder.append(piece)
        while let frame = try decoder.next() { frames.append(frame) }
    }
    return frames
}

@Suite struct ControlFrameTests {
    @Test func framesAreCutWhereverTheBytesAre() throws {
        let replies: [ControlReply] = [.done, .processes([1, 2, 3]), .refused(Refusal(.full, "no zone is free"))]
        let bytes = try replies.enumerated().flatMap { try ControlFrame(request: UInt32($0), content: $1).bytes() }
        for pieces in [[bytes], bytes.map { [$0] }] {
            let frames = try decoded(pieces)
            #expect(frames.map(\.content) == replies && frames.map(\.request) == [0, 1, 2])
        }
    }

    @Test func volumesAreReportedAsTheyAre() throws {
        let volumes = [(true, false, true), (false, true, false)].map {
            AttachRequest.Volume(isReadOnly: $0, isRecursive: $1, isConstant: $2)
        }
        let sent = ControlRequest.attach(AttachRequest(container: "c", volumes: volumes))
        var decoder = ControlFrameDecoder<ControlRequest>()
        decoder.append(try ControlFrame(request: 1, content: sent).bytes())
        guard case .attach(let request)? = try decoder.next()?.content else {
            Issue.record("no volumes")
            return
        }
        #expect(request == AttachRequest(container: "c", volumes: volumes))
    }

    @Test func nothingComesAfterAnError() throws {
        var decoder = ControlFrameDecoder<ControlReply>()
        let good = try ControlFrame(request: 1, content: ControlReply.done).bytes()
        // A frame whose answer there is not, and behind it one that would be good.
        decoder.append([1, 0, 0, 0, 1, 0, 0, 0, 200] + good)
        for _ in 0..<2 {
            #expect(throws: ProtocolError.invalidValue(field: "control reply", value: 200)) { try decoder.next() }
            decoder.append(good)
        }
        #expect(decoder.pendingBytes == 0)
    }

    @Test func aLengthOverTheLimitIsRefusedBeforeItsBytesCome() {
        #expect(throws: ProtocolError.frameTooLong(length: 0xFFFF_FFFF, limit: ControlLimits.payload)) {
            try decoded([[0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]])
        }
    }

    /// What the guest says of a failure, with what the host adds, may be longer than a message's text.
    @Test(arguments: [4096, 4097, 9000])
    func aLongWordOfARefusalIsCut(_ length: Int) throws {
        let text = String(repeating: "ü", count: length / 2) + (length % 2 == 1 ? "x" : "")
        let sent = ControlReply.refused(Refusal(.failed, text))
        let frames = try decoded([try ControlFrame(request: 1, content: sent).bytes()])
        guard case .refused(let refusal)? = frames.first?.content else {
            Issue.record("no refusal")
            return
        }
        #expect(refusal.text.utf8.count == 4096 && text.hasPrefix(refusal.text))
    }

    @Test func anExitRecordIsWholeWhateverItsReason() throws {
        let record = ExitRecord(
            container: "c", process: 0, code: 1, outOfMemory: false, time: 1,
            reason: "a" + String(repeating: "€", count: 5000) + "\0")
        var encoder = MessageEncoder()
        record.encode(into: &encoder)
        #expect(encoder.violation == nil)
        var decoder = MessageDecoder(encoder.bytes)
        let read = try ExitRecord(decoding: &decoder)
        // 1 + 1365 · 3 bytes, as a character is not cut.
        #expect(read.reason.utf8.count == 4096 && record.reason.hasPrefix(read.reason))
    }
}
