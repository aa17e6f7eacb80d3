import LinuxSystem
import SystemPackage

/// Copies what a process prints to its client and to the container's log.
///
/// One buffer's worth is under way at a time: nothing more is taken from the guest until the client has it and the log has
/// room, so a slow reader and a slow disk slow the process down and cost no memory. The event loop keeps it until its
/// end, which is when the source has ended. Protected by the device lock.
final class OutputTap {
    private static let bytesPerTurn = 32 << 10

    private enum State {
        /// Waits for the source.
        case reading
        /// Waits for the client to take the rest of what was read.
        case sending
        /// Waits for the log's room.
        case logging
        case ended
    }

    private let source: OwnedDescriptor
    private let loop: EventLoop
    private var client: OwnedDescriptor?
    private let log: ContainerLog
    private let stream: ContainerLog.Stream
    private var state = State.reading
    private var unsent: ArraySlice<UInt8> = []
    private let onEnd: (OutputTap) -> Void

    /// - Parameters:
    ///   - source: one end of a socket pair whose other end the guest's stream is connected to.
    ///   - onEnd: called once, when the source has ended, and client and log have all of it.
    init(
        _ source: OwnedDescriptor, on loop: EventLoop, client: OwnedDescriptor?, log: ContainerLog,
        stream: ContainerLog.Stream, onEnd: @escaping (OutputTap) -> Void
    ) throws(SystemError) {
        self.source = source
        self.loop = loop
        self.client = client
        self.log = log
        self.stream = stream
        self.onEnd = onEnd
        try source.setNonBlocking()
        try client?.setNonBlocking()
        try watchSource()
    }

    private func watchSource() throws(SystemError) {
        try loop.add(source, for: .readable) { [self] _ in take() }
    }

    private func take() {
        do {
            let bytes = try source.read(atMost: Self.bytesPerTurn)
            guard !bytes.isEmpty else { return end() }
            log.append(bytes, stream)
            if client != nil { unsent = bytes[...] }
            advance()
        } catch {
            if error.errno != .resourceTemporarilyUnavailable { end() }
        }
    }

    /// Sends what the client takes now, then waits for what is next: the client, the log's room, or the source.
    private func advance() {
        send()
        if let client, !unsent.isEmpty { return wait(for: client) }
        guard log.hasRoom else { return waitForLog() }
        guard state != .reading else { return }
        state = .reading
        if (try? watchSource()) == nil { end() }
    }

    private func send() {
        while let client, !unsent.isEmpty {
            do {
                unsent = unsent.dropFirst(try client.write(some: unsent))
            } catch {
                if error.errno == .resourceTemporarilyUnavailable { return }
                loseClient()
            }
        }
        unsent = []
    }

    private func wait(for client: OwnedDescriptor) {
        suspend(.sending)
        let added: Void? = try? loop.add(client, for: .writable) { [self] _ in
            loop.remove(client)
            advance()
        }
        guard added == nil else { return }
        loseClient()
        advance()
    }

    private func waitForLog() {
        suspend(.logging)
        log.whenRoom { [self] in if state == .logging { advance() } }
    }

    /// Takes nothing more of the source for now.
    private func suspend(_ next: State) {
        if state == .reading { loop.remove(source) }
        state = next
    }

    /// Nobody reads any more; the log goes on.
    private func loseClient() {
        client = nil
        unsent = []
    }

    private func end() {
        guard state != .ended else { return }
        if state == .reading { loop.remove(source) }
        state = .ended
        log.finish(stream)
        source.endConnection()
        client?.endWriting()
        client = nil
        log.whenWritten { [self] in onEnd(self) }
    }
}
