import Events
import HTTPExchange
import LinuxSystem
import NIOCore
import NIOHTTP1
import NIOPosix

/// Opens connections to containers' servers.
enum BackConnection {
    /// One that the server has taken; it tries so long, as the server may be about to listen.
    static func open(
        to container: FunctionContainer, on eventLoop: any NIOCore.EventLoop, withinMilliseconds limit: UInt32
    ) -> EventLoopFuture<any Channel> {
        do {
            let (near, answer) = try container.connect(withinMilliseconds: limit)
            return answer.hop(to: eventLoop).flatMap {
                do {
                    return ClientBootstrap(group: eventLoop)
                        .channelInitializer { channel in initialize(channel, for: container) }
                        .withConnectedSocket(try near.duplicateToGiveAway())
                } catch { return eventLoop.makeFailedFuture(error) }
            }
        } catch { return eventLoop.makeFailedFuture(error) }
    }

    /// The HTTP handlers of a new connection.
    static func initialize(_ channel: any Channel, for container: FunctionContainer) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let encoder = HTTPRequestEncoder()
            let decoder = ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .forwardBytes))
            let pool = container.pool
            let handler = BackHandler(http: [encoder, decoder]) { pool.remove($0) }
            try channel.pipeline.syncOperations.addHandlers([encoder, decoder, handler])
        }
    }

    /// The handler of a connection that `open` made. On its event loop.
    static func handler(of channel: any Channel) -> BackHandler? {
        try? channel.pipeline.syncOperations.handler(type: BackHandler.self)
    }
}
