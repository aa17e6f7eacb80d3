import HTTPExchange
import NIOCore
import NIOHTTP1
import NIOPosix

/// An answer of the gateway's own.
struct Answer: Sendable {
    var status = HTTPResponseStatus.ok
    var contentType = "application/json"
    var body: [UInt8] = []

    static func json(_ bytes: [UInt8]) -> Answer { Answer(body: bytes + [UInt8(ascii: "\n")]) }
    static func text(_ status: HTTPResponseStatus, _ text: String) -> Answer {
        Answer(status: status, contentType: "text/plain; charset=utf-8", body: Array((text + "\n").utf8))
    }
}

/// A request whose body is collected, and which a thread then answers, as that may wait for files.
final class CollectedExchange: FrontExchange {
    private static let maxBytes = 1 << 20

    private weak var front: FrontHandler?
    private let threads: NIOThreadPool
    private let eventLoop: any NIOCore.EventLoop
    private let serve: @Sendable ([UInt8]) throws -> Answer
    private var body: [UInt8] = []
    private var isAnswered = false

    init(
        _ front: FrontHandler, on eventLoop: any NIOCore.EventLoop, threads: NIOThreadPool,
        _ serve: @escaping @Sendable ([UInt8]) throws -> Answer
    ) {
        self.front = front
        self.eventLoop = eventLoop
        self.threads = threads
        self.serve = serve
    }

    var takesMore: Bool { true }
    func frontBecameWritable() {}
    func frontEnded() { front = nil }

    func receive(_ part: HTTPServerRequestPart) {
        guard !isAnswered else { return }
        switch part {
        case .head: break
        case .body(let bytes):
            body += bytes.readableBytesView
            if body.count > Self.maxBytes {
                answer(.text(.payloadTooLarge, "at most \(Self.maxBytes) bytes are taken"))
            }
        case .end:
            let (body, serve) = (body, serve)
            threads.runIfActive(eventLoop: eventLoop) { try serve(body) }
                .assumeIsolated().whenComplete { [self] result in
                    switch result {
                    case .success(let answer): self.answer(answer)
                    case .failure(let error): answer(.text(.badRequest, "\(error)"))
                    }
                }
        }
    }

    private func answer(_ answer: Answer) {
        guard !isAnswered else { return }
        isAnswered = true
        front?.answer(
            answer.status, ByteBuffer(bytes: answer.body), headers: [("Content-Type", answer.contentType)])
    }
}
