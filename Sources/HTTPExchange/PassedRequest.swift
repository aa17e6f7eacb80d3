package import NIOCore
package import NIOHTTP1

/// A request's parts on their way to a server: those that wait for a connection, and those that have gone and may go again.
package struct PassedRequest {
    /// A request of at most so many bytes is kept, so that it can be sent again.
    private static let maxKept = 64 << 10

    /// What has come and not gone.
    private var waiting: [HTTPServerRequestPart] = []
    /// What has gone, as long as it may go again.
    private var gone: [HTTPServerRequestPart]?
    private var goneBytes = 0

    /// - Parameter isRepeatable: it may be sent again, where it is short enough.
    package init(isRepeatable: Bool) { gone = isRepeatable ? [] : nil }

    package var waits: Bool { !waiting.isEmpty }
    /// The whole of what has gone can go again.
    package var canRepeat: Bool { gone != nil }

    /// A part that waits.
    package mutating func append(_ part: HTTPServerRequestPart) { waiting.append(part) }

    /// Writes a part, which is not flushed.
    package mutating func write(_ part: HTTPServerRequestPart, to channel: any Channel) {
        switch part {
        case .head: break
        case .body(let bytes):
            keep(part, bytes.readableBytes)
            channel.write(HTTPClientRequestPart.body(.byteBuffer(bytes)), promise: nil)
        case .end(let trailers):
            keep(part, 0)
            channel.write(HTTPClientRequestPart.end(trailers), promise: nil)
        }
    }

    /// Writes what waits, which is not flushed.
    package mutating func writeWaiting(to channel: any Channel) {
        let parts = waiting
        waiting = []
        for part in parts { write(part, to: channel) }
    }

    /// What has gone waits again.
    package mutating func beginAnew() { (waiting, gone, goneBytes) = ((gone ?? []) + waiting, [], 0) }

    private mutating func keep(_ part: HTTPServerRequestPart, _ count: Int) {
        goneBytes += count
        if goneBytes > Self.maxKept { gone = nil }
        gone?.append(part)
    }
}
