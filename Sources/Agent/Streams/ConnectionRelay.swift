/// Carries a connection both ways, each way as fast as its reader: of each, one buffer's worth is here at most, and
/// nothing more is read until that has gone. An end of one way is passed on, and the other goes on.
final class ConnectionRelay {
    /// Then others have their turn.
    private static let maxRounds = 8

    /// One of the two connections, and what was read from the other for it.
    private final class End {
        let descriptor: Descriptor
        /// Bytes that the other end has not taken yet.
        var unsent: ArraySlice<UInt8> = []
        /// It sends nothing more.
        var hasEnded = false
        /// What the loop watches it for; 0: it is not watched, or an end that nobody can take now would be reported again
        /// and again.
        var watched: UInt32 = 0

        init(_ descriptor: Descriptor) { self.descriptor = descriptor }
    }

    private let loop: PollLoop
    private let container: End
    private let host: End
    private var isFinished = false
    private let ended: (ConnectionRelay) -> Void
    private let buffer: RelayBuffer

    /// `host` may be still being connected.
    init(
        loop: PollLoop, container: Descriptor, host: Descriptor, buffer: RelayBuffer,
        ended: @escaping (ConnectionRelay) -> Void
    ) {
        self.loop = loop
        self.container = End(container)
        self.host = End(host)
        self.buffer = buffer
        self.ended = ended
    }

    func start() {
        let descriptor = host.descriptor.rawValue
        loop.watch(descriptor, for: Ready.writable) { [self] _ in
            loop.forget(descriptor)
            guard Kernel.socketError(descriptor) == 0 else { return finish() }
            run()
        }
    }

    /// Closes both at once.
    func finish() {
        guard !isFinished else { return }
        isFinished = true
        loop.forget(container.descriptor.rawValue)
        loop.forget(host.descriptor.rawValue)
        ended(self)
    }

    private func run() {
        guard carry(from: container, to: host), carry(from: host, to: container) else { return finish() }
        if container.hasEnded, host.hasEnded, container.unsent.isEmpty, host.unsent.isEmpty { return finish() }
        watch(container, other: host)
        watch(host, other: container)
    }

    private func watch(_ end: End, other: End) {
        var wanted: UInt32 = 0
        if !end.hasEnded && other.unsent.isEmpty { wanted |= Ready.readable }
        if !end.unsent.isEmpty { wanted |= Ready.writable }
        guard wanted != end.watched else { return }
        let descriptor = end.descriptor.rawValue
        if wanted == 0 {
            loop.forget(descriptor)
        } else if end.watched == 0 {
            loop.watch(descriptor, for: wanted) { [self] _ in if !isFinished { run() } }
        } else {
            loop.change(descriptor, to: wanted)
        }
        end.watched = wanted
    }

    /// As far as it goes now; false where one of the two is broken.
    private func carry(from source: End, to sink: End) -> Bool {
        for _ in 0..<Self.maxRounds {
            guard send(to: sink) else { return false }
            guard sink.unsent.isEmpty, !source.hasEnded else { return true }
            let count = Kernel.read(source.descriptor.rawValue, into: &buffer.bytes)
            if count == -Int(ErrorNumber.again) { return true }
            guard count >= 0 else { return false }
            if count == 0 {
                source.hasEnded = true
                Kernel.endWriting(sink.descriptor.rawValue)
                return true
            }
            let written = Kernel.write(sink.descriptor.rawValue, buffer.bytes[..<count])
            guard written >= 0 || written == -Int(ErrorNumber.again) else { return false }
            if written < count { sink.unsent = ArraySlice(Array(buffer.bytes[max(0, written)..<count])) }
        }
        return true
    }

    private func send(to sink: End) -> Bool {
        while !sink.unsent.isEmpty {
            let count = Kernel.write(sink.descriptor.rawValue, sink.unsent)
            if count == -Int(ErrorNumber.again) { return true }
            guard count > 0 else { return false }
            sink.unsent = sink.unsent.dropFirst(count)
        }
        sink.unsent = []
        return true
    }
}

/// Room for what is carried, of all relays, each for the time of one call.
final class RelayBuffer {
    var bytes = [UInt8](repeating: 0, count: 32 << 10)
}
