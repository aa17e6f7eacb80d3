/// The sender of a request, as its answer needs it: the request's number on the connection that it came by.
struct Caller {
    fileprivate let request: UInt32
    /// The number of the connection: an answer to an older one is dropped.
    fileprivate let connection: UInt32
    fileprivate let host: HostConnection

    func reply<Content: Message>(_ content: Content) {
        var encoder = MessageEncoder()
        content.encode(into: &encoder)
        host.reply(Content.type, encoder, to: self)
    }
}

/// The stream of frames to the host. It is made again whenever it breaks: after a restore, or when the host's end is
/// replaced; only a given socket (tests) is the only one, and its end the agent's end.
final class HostConnection {
    private let loop: PollLoop
    private var receive: (Frame, Caller) -> Void = { _, _ in }
    private var greet: () -> Void = {}
    private var isGiven = false
    private var socket: Descriptor?
    private var decoder = FrameDecoder(maxPayload: Limits.requestPayload)
    private var output: [UInt8] = []
    private var sent = 0
    private var retryDelay: UInt32 = 10
    /// Connections so far.
    private var count: UInt32 = 0
    private var buffer = [UInt8](repeating: 0, count: 16 << 10)

    init(loop: PollLoop) { self.loop = loop }

    /// Connects, or uses a connection that is there. `greet` is called on each new connection, before anything is
    /// received.
    func open(given: Descriptor?, greet: @escaping () -> Void, receive: @escaping (Frame, Caller) -> Void) {
        self.greet = greet
        self.receive = receive
        guard let given else { return connect() }
        isGiven = true
        _ = Kernel.setNonblocking(given.rawValue)
        begin(given)
    }

    /// An event, sent on the connection that there is.
    func send<Content: Message>(event: Content) {
        if let bytes = try? Frame.bytes(of: event) { enqueue(bytes) }
    }

    /// The answer to a request, unless its connection is gone. Not generic: it is there once for all types of messages.
    @inline(never)
    fileprivate func reply(_ type: MessageType, _ encoder: MessageEncoder, to caller: Caller) {
        guard caller.connection == count else { return }
        do throws(ProtocolError) {
            enqueue(try Frame.bytes(of: type, encoder, request: caller.request))
        } catch {
            let failure = Failure(code: ErrorNumber.invalid, step: .request, text: error.description)
            if let bytes = try? Frame.bytes(of: failure, request: caller.request) { enqueue(bytes) }
        }
    }

    /// Whether everything was handed to the kernel.
    var isFlushed: Bool { sent == output.count }

    private func connect() {
        let raw = Kernel.connectHost(port: Limits.controlPort)
        guard raw >= 0 else { return retry() }
        // It is no one's socket before it has begun: an event that was sent on it now would come before the greeting.
        let candidate = Descriptor(taking: raw)
        loop.watch(raw, for: Ready.writable) { [self] _ in
            loop.forget(raw)
            if Kernel.socketError(raw) == 0 { begin(candidate) } else { retry() }
        }
    }

    private func retry() {
        // The host does not listen yet. The first attempts are quick: while it boots a VM, it is about to.
        _ = loop.after(milliseconds: retryDelay) { [self] in connect() }
        retryDelay = min(retryDelay * 2, 1000)
    }

    private func begin(_ connection: Descriptor) {
        socket = connection
        count += 1
        retryDelay = 10
        decoder = FrameDecoder(maxPayload: Limits.requestPayload)
        output = []
        sent = 0
        greet()
        loop.watch(connection.rawValue, for: interest) { [self] ready in handle(ready) }
    }

    private var interest: UInt32 {
        // A host that does not take its answers gets no more of them: its requests wait.
        let reading: UInt32 = output.count - sent > Limits.payload ? 0 : Ready.readable
        return isFlushed ? reading : reading | Ready.writable
    }

    private func handle(_ ready: UInt32) {
        guard let socket else { return }
        if ready & Ready.writable != 0 { flush() }
        if ready & (Ready.readable | Ready.broken) != 0 {
            let count = Kernel.read(socket.rawValue, into: &buffer)
            if count == 0 || (count < 0 && count != -Int(ErrorNumber.again)) { return end() }
            if count > 0 { take(buffer[..<count]) }
        }
        if let current = self.socket { loop.change(current.rawValue, to: interest) }
    }

    private func take(_ bytes: ArraySlice<UInt8>) {
        decoder.append(bytes)
        do throws(ProtocolError) {
            while let frame = try decoder.next() {
                receive(frame, Caller(request: frame.request, connection: count, host: self))
            }
        } catch {
            GuestConsole.log("control connection: \(error.description)")
            end()
        }
    }

    private func enqueue(_ bytes: [UInt8]) {
        guard socket != nil else { return }
        let wasFlushed = isFlushed
        if wasFlushed {
            output = bytes
            sent = 0
        } else {
            output += bytes
        }
        if wasFlushed { flush() }
        if let socket, !isFlushed { loop.change(socket.rawValue, to: interest) }
    }

    private func flush() {
        guard let socket else { return }
        while !isFlushed {
            let count = Kernel.write(socket.rawValue, output[sent...])
            // A broken connection shows when it is read.
            if count <= 0 { return }
            sent += count
        }
        output = []
        sent = 0
    }

    private func end() {
        guard let socket else { return }
        loop.forget(socket.rawValue)
        self.socket = nil
        if isGiven { Kernel.exit(0) }
        connect()
    }
}
