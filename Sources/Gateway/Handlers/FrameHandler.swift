import NIOCore
import SandboxProtocol

/// What an event's frames are given to. On the connection's event loop.
protocol FrameOwner: AnyObject {
    func received(_ frame: SandboxFrame)
    /// The connection is closed; nothing comes any more.
    func connectionEnded()
}

/// A connection to what runs a handler: frames of several events, each with an owner. On its event loop.
final class FrameHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Of events, and 0 for what is about the connection.
    private var owners: [UInt32: any FrameOwner] = [:]
    private var nextEvent: UInt32 = 1
    private var received = ByteBuffer()
    private var context: ChannelHandlerContext?
    private let onIdleEnd: (any Channel) -> Void
    private var isDraining = false
    /// Bytes that were given to the connection, and that it has not sent.
    private var unsent = 0

    /// A peer that reads nothing is left, with so many bytes for it.
    private static let maxUnsent = 64 << 20

    /// - Parameter onIdleEnd: called when it has ended, after its owners have heard of that.
    init(onIdleEnd: @escaping (any Channel) -> Void) { self.onIdleEnd = onIdleEnd }

    /// The handler of a channel that has one. On its event loop.
    static func of(_ channel: any Channel) -> FrameHandler? {
        try? channel.pipeline.syncOperations.handler(type: FrameHandler.self)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    var isActive: Bool { context?.channel.isActive ?? false }
    var eventCount: Int { owners.count }

    // MARK: Events

    /// A number for an event, whose frames the owner gets until `leave`.
    func join(_ owner: any FrameOwner) -> UInt32 {
        repeat {
            nextEvent = nextEvent == .max ? 1 : nextEvent + 1
        } while owners[nextEvent] != nil
        owners[nextEvent] = owner
        return nextEvent
    }

    /// Gets what is about the connection itself.
    func takeConnection(_ owner: any FrameOwner) { owners[0] = owner }

    func leave(_ event: UInt32) {
        owners[event] = nil
        if isDraining, owners.isEmpty { context?.close(promise: nil) }
    }

    /// Closes the connection when its events are over.
    func drain() {
        isDraining = true
        if owners.isEmpty { context?.close(promise: nil) }
    }

    func send(_ frame: SandboxFrame) {
        guard let context else { return }
        let count = frame.payload.count
        unsent += count
        guard unsent <= Self.maxUnsent else { return context.close(promise: nil) }
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { [self] _ in unsent -= count }
        context.writeAndFlush(wrapOutboundOut(Self.buffer(frame, context.channel.allocator)), promise: sent)
    }

    private static func buffer(_ frame: SandboxFrame, _ allocator: ByteBufferAllocator) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: SandboxFrame.headerSize + frame.payload.count)
        buffer.writeInteger(UInt32(frame.payload.count), endianness: .little)
        buffer.writeInteger(frame.event, endianness: .little)
        buffer.writeInteger(frame.kind.rawValue)
        buffer.writeBytes(frame.payload)
        return buffer
    }

    // MARK: What comes

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        do throws(FrameError) {
            while let frame = try next() {
                // A frame of an event that was left has nobody to go to.
                owners[frame.event]?.received(frame)
            }
        } catch {
            // It speaks another language.
            context.close(promise: nil)
        }
        received.discardReadBytes()
    }

    private func next() throws(FrameError) -> SandboxFrame? {
        guard let head = received.getInteger(at: received.readerIndex, endianness: .little, as: UInt32.self),
            let event = received.getInteger(at: received.readerIndex + 4, endianness: .little, as: UInt32.self),
            let number = received.getInteger(at: received.readerIndex + 8, as: UInt8.self)
        else { return nil }
        let count = try SandboxFrame.check(count: head, limit: SandboxFrame.maxPayload)
        let kind = try SandboxFrame.kind(number)
        guard received.readableBytes >= SandboxFrame.headerSize + count else { return nil }
        received.moveReaderIndex(forwardBy: SandboxFrame.headerSize)
        return SandboxFrame(event: event, kind: kind, payload: received.readBytes(length: count) ?? [])
    }

    func channelInactive(context: ChannelHandlerContext) {
        let ended = owners.sorted { $0.key < $1.key }.map(\.value)
        owners = [:]
        for owner in ended { owner.connectionEnded() }
        onIdleEnd(context.channel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
