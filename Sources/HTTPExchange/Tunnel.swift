import NIOCore

/// Carries bytes between two connections after both have left HTTP (WebSocket, RFC 6455), each way as fast as its reader,
/// until one of them ends.
final class TunnelHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private weak var partner: TunnelHandler?
    private var context: ChannelHandlerContext?
    private var isReadHeld = false
    private var onEnd: (() -> Void)?

    /// - Parameter onEnd: called once, when either end has gone.
    static func pair(onEnd: @escaping () -> Void) -> (TunnelHandler, TunnelHandler) {
        let (front, back) = (TunnelHandler(), TunnelHandler())
        front.partner = back
        back.partner = front
        front.onEnd = onEnd
        return (front, back)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let other = partner?.context else { return context.close(promise: nil) }
        other.write(wrapOutboundOut(unwrapInboundIn(data)), promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        partner?.context?.flush()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { partner?.resumeReading() }
        context.fireChannelWritabilityChanged()
    }

    func read(context: ChannelHandlerContext) {
        if partner?.context?.channel.isWritable ?? true { context.read() } else { isReadHeld = true }
    }

    private func resumeReading() {
        guard isReadHeld else { return }
        isReadHeld = false
        context?.read()
    }

    func channelInactive(context: ChannelHandlerContext) {
        partner?.context?.close(promise: nil)
        let action = onEnd ?? partner?.onEnd
        onEnd = nil
        partner?.onEnd = nil
        action?()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
