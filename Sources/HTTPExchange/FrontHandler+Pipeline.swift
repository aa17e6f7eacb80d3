package import NIOCore
import NIOHTTP1

extension FrontHandler {
    /// An answer to HEAD states the length of a body that is not sent: `FrontHandler` says how bodies end.
    private static var framing: HTTPResponseEncoder.Configuration {
        var configuration = HTTPResponseEncoder.Configuration()
        configuration.automaticallySetFramingHeaders = false
        return configuration
    }

    /// Makes a caller's connection one of HTTP/1.1. On the channel's event loop.
    package static func configure(_ channel: any Channel, _ router: any Routing) throws {
        let encoder = HTTPResponseEncoder(configuration: framing)
        let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes))
        let pipelining = HTTPServerPipelineHandler()
        let errors = HTTPServerProtocolErrorHandler()
        let front = FrontHandler(router, http: [encoder, decoder, pipelining, errors])
        try channel.pipeline.syncOperations.addHandlers([encoder, decoder, pipelining, errors, front])
    }
}
