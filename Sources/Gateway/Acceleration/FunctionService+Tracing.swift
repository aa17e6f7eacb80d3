import NIOCore
import SandboxProtocol

extension FunctionService {
    /// An event has ended in a container: one that traces is asked for what it has seen, in time.
    func noteEvent(in container: FunctionContainer, on eventLoop: any NIOCore.EventLoop) {
        guard let acceleration, container.isTracing else { return }
        switch acceleration.noteEvent(of: container.number) {
        case .notYet: break
        case .now: askForTrace(of: container, on: eventLoop)
        case .after(let wait):
            _ = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(wait)) { [weak self] in
                self?.askForTrace(of: container, on: eventLoop)
            }
        }
    }

    private func askForTrace(of container: FunctionContainer, on eventLoop: any NIOCore.EventLoop) {
        guard acceleration?.wantsTrace(of: container.number) == true else { return }
        TraceRequest(container, on: eventLoop) { [weak self] trace in
            guard let acceleration = self?.acceleration else { return }
            if let trace {
                acceleration.take(trace, of: container.number, container.shape)
            } else {
                acceleration.noteNoTrace(of: container.number)
            }
            // Its probes have done their work.
            self?.retire(container)
        }.begin()
    }
}

/// Asks a container for its trace. On one event loop.
private final class TraceRequest: FrameOwner {
    private static let patience = TimeAmount.seconds(30)

    private let container: FunctionContainer
    private let eventLoop: any NIOCore.EventLoop
    private var onEnd: (([UInt8]?) -> Void)?
    private var channel: (any Channel)?

    /// - Parameter onEnd: called once, with what has come; nil: nothing.
    init(_ container: FunctionContainer, on eventLoop: any NIOCore.EventLoop, onEnd: @escaping ([UInt8]?) -> Void) {
        self.container = container
        self.eventLoop = eventLoop
        self.onEnd = onEnd
    }

    func begin() {
        let timer = eventLoop.assumeIsolated().scheduleTask(in: Self.patience) { [self] in end(nil) }
        // It may have been paused meanwhile.
        container.resume(on: eventLoop).flatMapErrorThrowing { _ in }.flatMap { [container, eventLoop] in
            ContainerFrames.open(
                to: container, on: eventLoop, withinMilliseconds: UInt32(Self.patience.nanoseconds / 1_000_000))
        }.assumeIsolated().whenComplete { [self] result in
            guard onEnd != nil, case .success(let channel) = result, let handler = FrameHandler.of(channel) else {
                timer.cancel()
                return end(nil)
            }
            self.channel = channel
            handler.send(SandboxFrame(event: handler.join(self), kind: .trace))
        }
    }

    func received(_ frame: SandboxFrame) { end(frame.kind == .trace ? frame.payload : nil) }
    func connectionEnded() { end(nil) }

    private func end(_ trace: [UInt8]?) {
        guard let onEnd else { return }
        self.onEnd = nil
        channel?.close(promise: nil)
        onEnd(trace)
    }
}
