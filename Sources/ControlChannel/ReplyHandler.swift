public import ControlProtocol
import Logging
import Logs
public import NIOCore

/// Cuts what comes on a control connection to a VM into answers. On the channel's event loop.
public final class ReplyHandler: ChannelInboundHandler {
    public typealias InboundIn = ByteBuffer

    private var decoder: ControlFrameDecoder<ControlReply>
    private let onReply: (ControlFrame<ControlReply>) throws -> Void
    private let onEnd: () -> Void

    /// - Parameters:
    ///   - decoder: with what has come before the channel was there.
    ///   - onReply: takes each answer. Where it throws, the answer makes no sense, and the connection is closed.
    ///   - onEnd: called once, when the connection has ended.
    public init(
        _ decoder: ControlFrameDecoder<ControlReply>, onReply: @escaping (ControlFrame<ControlReply>) throws -> Void,
        onEnd: @escaping () -> Void
    ) {
        self.decoder = decoder
        self.onReply = onReply
        self.onEnd = onEnd
    }

    public func channelActive(context: ChannelHandlerContext) { drain(context) }

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        decoder.append(unwrapInboundIn(data).readableBytesView)
        drain(context)
    }

    private func drain(_ context: ChannelHandlerContext) {
        do {
            while let frame = try decoder.next() { try onReply(frame) }
        } catch {
            Log.logger.error("a VM's answer makes no sense: \(error)")
            context.close(promise: nil)
        }
    }

    public func channelInactive(context: ChannelHandlerContext) {
        onEnd()
        context.fireChannelInactive()
    }

    public func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A VM that is killed resets the connection; channelInactive follows.
        context.close(promise: nil)
    }
}
