import ControlProtocol
import LinuxSystem
import NIOCore
import NIOPosix
import Synchronization

/// Stands for a VM: what a program connects to at a port of this host's loopback is a connection of the container's, as the
/// guest's agent would relay it.
final class RelayingMachine: Sendable {
    /// The fabric's end of the control connection.
    let control: OwnedDescriptor
    /// Where the "container" connects to.
    let port: Int

    private struct State {
        /// Streams that wait for a connection.
        var waiting: [OwnedDescriptor] = []
        /// Connections that wait for a stream.
        var connected: [any Channel] = []
        var asked: [RelayRequest] = []
    }

    private let state: SharedState
    private let own: OwnedDescriptor
    private let listener: any Channel

    /// The channel that carries connections outlives no test.
    private final class SharedState: Sendable {
        let state = Mutex(State())
    }

    var asked: [RelayRequest] { state.state.withLock { $0.asked } }

    init(_ group: MultiThreadedEventLoopGroup) async throws {
        let (own, control) = try UnixSocket.pair()
        (self.own, self.control) = (own, control)
        let state = SharedState()
        self.state = state
        listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Arrival { channel in
                            let stream = state.state.withLock { state -> OwnedDescriptor? in
                                guard !state.waiting.isEmpty else {
                                    state.connected.append(channel)
                                    return nil
                                }
                                return state.waiting.removeFirst()
                            }
                            if let stream { _ = Self.join(channel, stream) }
                        })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = listener.localAddress?.port ?? 0
        _ = try Thread(named: "machine") { try? Self.serve(own, state) }
    }

    func close() async throws {
        own.endConnection()
        try await listener.close()
    }

    private static func serve(_ socket: OwnedDescriptor, _ state: SharedState) throws {
        var decoder = ControlFrameDecoder<ControlRequest>()
        var passed: [OwnedDescriptor] = []
        while true {
            let (bytes, descriptors) = try socket.receive(atMost: 4096, descriptors: 4)
            guard !bytes.isEmpty else { return }
            decoder.append(bytes)
            passed += descriptors
            while let frame = try decoder.next() {
                guard case .relay(let request) = frame.content, !passed.isEmpty else { continue }
                let stream = passed.removeFirst()
                let channel = state.state.withLock { state -> (any Channel)? in
                    state.asked.append(request)
                    guard !state.connected.isEmpty else {
                        state.waiting.append(stream)
                        return nil
                    }
                    return state.connected.removeFirst()
                }
                if let channel { _ = channel.eventLoop.flatSubmit { join(channel, stream) } }
                try socket.send(ControlFrame(request: frame.request, content: ControlReply.done).bytes())
            }
        }
    }

    private static func join(_ channel: any Channel, _ stream: OwnedDescriptor) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let carrier = Carrier()
            try channel.pipeline.syncOperations.addHandler(carrier)
            let copy = try stream.duplicateToGiveAway()
            let other = Carrier()
            (carrier.partner, other.partner) = (other, carrier)
            let bound = NIOLoopBound(other, eventLoop: channel.eventLoop)
            ClientBootstrap(group: channel.eventLoop)
                .channelOption(.autoRead, value: false)
                .channelInitializer { far in
                    far.eventLoop.makeCompletedFuture { try far.pipeline.syncOperations.addHandler(bound.value) }
                }
                .withConnectedSocket(copy)
                .whenComplete { result in
                    if case .success(let far) = result {
                        far.read()
                        channel.read()
                    }
                }
        }
    }

    /// Reports a connection when it can be read from.
    private final class Arrival: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let arrived: (any Channel) -> Void

        init(_ arrived: @escaping (any Channel) -> Void) { self.arrived = arrived }

        func channelActive(context: ChannelHandlerContext) {
            arrived(context.channel)
            context.fireChannelActive()
        }
    }

    /// Carries bytes one way, a piece at a time: the next is read when the last was written.
    private final class Carrier: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        var partner: Carrier?
        private var context: ChannelHandlerContext?

        func handlerAdded(context: ChannelHandlerContext) { self.context = context }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard let other = partner?.context else { return context.close(promise: nil) }
            let channel = context.channel
            other.writeAndFlush(wrapOutboundOut(unwrapInboundIn(data))).whenComplete { _ in channel.read() }
        }

        func channelInactive(context: ChannelHandlerContext) {
            partner?.context?.close(promise: nil)
            partner = nil
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
