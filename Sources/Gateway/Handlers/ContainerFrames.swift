import HTTPExchange
import LeanJSON
import LinuxSystem
import NIOCore
import NIOPosix
import SandboxProtocol

/// Connections to the host programs of containers of kind handler.
enum ContainerFrames {
    /// One whose program has loaded its handler and has said what it exports.
    static func open(
        to container: FunctionContainer, on eventLoop: any NIOCore.EventLoop, withinMilliseconds limit: UInt32
    ) -> EventLoopFuture<any Channel> {
        do {
            let (near, answer) = try container.connect(withinMilliseconds: limit)
            let hello = eventLoop.makePromise(of: Void.self)
            let timer = eventLoop.scheduleTask(in: .milliseconds(Int64(limit))) {
                hello.fail(GatewayError.late(milliseconds: Int64(limit)))
            }
            hello.futureResult.whenComplete { _ in timer.cancel() }
            return answer.hop(to: eventLoop).flatMap {
                do {
                    return ClientBootstrap(group: eventLoop)
                        .channelInitializer { channel in initialize(channel, container, hello) }
                        .withConnectedSocket(try near.duplicateToGiveAway())
                } catch { return eventLoop.makeFailedFuture(error) }
            }.flatMap { (channel: any Channel) in
                hello.futureResult.map { channel }.flatMapErrorThrowing { error in
                    channel.close(promise: nil)
                    throw error
                }
            }.flatMapErrorThrowing { error in
                hello.fail(error)
                throw error
            }
        } catch { return eventLoop.makeFailedFuture(error) }
    }

    private static func initialize(
        _ channel: any Channel, _ container: FunctionContainer, _ hello: EventLoopPromise<Void>
    ) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let pool = container.pool
            let handler = FrameHandler { pool.remove($0) }
            handler.takeConnection(Greeting(container, hello, handler))
            try channel.pipeline.syncOperations.addHandler(handler)
        }
    }
}

/// Waits for the first frame of a connection, and reads it.
private final class Greeting: FrameOwner {
    private let container: FunctionContainer
    private let hello: EventLoopPromise<Void>
    private weak var handler: FrameHandler?

    init(_ container: FunctionContainer, _ hello: EventLoopPromise<Void>, _ handler: FrameHandler) {
        (self.container, self.hello, self.handler) = (container, hello, handler)
    }

    func received(_ frame: SandboxFrame) {
        handler?.leave(0)
        guard frame.kind == .hello, let document = JSONValue(frame.payload), document["version"]?.number == 1,
            let shape = document["shape"]?.text.flatMap({ HandlerEvent.Shape(rawValue: $0) })
        else { return hello.fail(GatewayError.containerEnded("its first frame says no version 1 and shape")) }
        container.note(shape: shape)
        hello.succeed()
    }

    func connectionEnded() {
        hello.fail(GatewayError.containerEnded("it closed the connection before its handler was loaded"))
    }
}
