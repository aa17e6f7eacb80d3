/// Carries bytes from a source to a sink, as fast as the slower of them. Between a pipe and a socket the kernel moves
/// them, so the only buffer is the pipe; a terminal needs one here.
final class Pump {
    private let loop: PollLoop
    private var source: Descriptor?
    private var sink: Descriptor?
    private let connection: Descriptor
    private let isTerminal: Bool
    private let ended: () -> Void
    private var buffer: [UInt8] = []
    private var waitsForSource = false

    var isFinished: Bool { source == nil }

    private static let maxAtOnce = 64 << 10
    private static let terminalBuffer = 4096

    /// `connection`, one of the two, is still being connected. The ends are watched, so each must be a descriptor that
    /// nothing else watches.
    init(
        loop: PollLoop, source: Descriptor, sink: Descriptor, connection: Descriptor, isTerminal: Bool,
        ended: @escaping () -> Void
    ) {
        self.loop = loop
        self.source = source
        self.sink = sink
        self.connection = connection
        self.isTerminal = isTerminal
        self.ended = ended
    }

    func start() {
        loop.watch(connection.rawValue, for: Ready.writable) { [self] _ in
            loop.forget(connection.rawValue)
            guard Kernel.socketError(connection.rawValue) == 0, let sink else { return finish() }
            loop.watch(sink.rawValue, for: 0) { [self] ready in sinkReady(ready) }
            run()
        }
    }

    /// Closes both ends at once.
    func finish() {
        guard let source, let sink else { return }
        loop.forget(source.rawValue)
        loop.forget(sink.rawValue)
        loop.forget(connection.rawValue)
        self.source = nil
        self.sink = nil
        buffer = []
        ended()
    }

    private func sinkReady(_ ready: UInt32) {
        if ready & Ready.broken != 0 { return finish() }
        run()
    }

    private func run() {
        // A few rounds, then others have their turn; what is left shows again at once.
        for _ in 0..<8 {
            guard let source, let sink else { return }
            let count =
                isTerminal ? carry(source, sink) : Kernel.splice(source.rawValue, sink.rawValue, Pump.maxAtOnce)
            if count > 0 { continue }
            guard count == -Int(ErrorNumber.again) else { return finish() }
            let ready = Kernel.pollPair(source: source.rawValue, sink: sink.rawValue)
            let hasBytes = ready.source || !buffer.isEmpty
            if !hasBytes { return wait(forSource: true) }
            if !ready.sink { return wait(forSource: false) }
        }
        wait(forSource: buffer.isEmpty)
    }

    /// One round through the buffer. What could not be written stays in it, and nothing more is read meanwhile.
    private func carry(_ source: Descriptor, _ sink: Descriptor) -> Int {
        if buffer.isEmpty {
            var bytes = [UInt8](repeating: 0, count: Pump.terminalBuffer)
            let count = Kernel.read(source.rawValue, into: &bytes)
            // A terminal's end without its other side gives EIO.
            if count <= 0 { return count }
            bytes.removeLast(bytes.count - count)
            buffer = bytes
        }
        let count = Kernel.write(sink.rawValue, buffer[...])
        if count > 0 { buffer.removeFirst(count) }
        return count
    }

    /// Only one end is waited for. The source is not watched at all while the sink is full: the end of its writers
    /// would be reported again and again.
    private func wait(forSource: Bool) {
        guard let source, let sink else { return }
        if forSource == waitsForSource && forSource { return }
        if forSource {
            loop.change(sink.rawValue, to: 0)
            loop.watch(source.rawValue, for: Ready.readable) { [self] _ in run() }
        } else {
            if waitsForSource { loop.forget(source.rawValue) }
            loop.change(sink.rawValue, to: Ready.writable)
        }
        waitsForSource = forSource
    }
}
