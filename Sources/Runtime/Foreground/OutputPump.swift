import LinuxSystem

/// Takes what a container prints from its socket to one of this process's standard streams.
///
/// A thread does it, with blocking writes: the stream is shared with other processes, so it must not be made
/// non-blocking, and a reader that is slow must not keep signals from being passed on. The thread is only started when
/// there is something to write. The socket's buffer is all that is ever held back.
final class OutputPump: Sendable {
    private static let maxAtOnce = 64 << 10

    let socket: OwnedDescriptor
    private let stream: OwnedDescriptor
    /// Signalled when everything has been written, or nobody reads it any more.
    let finished: EventDescriptor

    init(from socket: OwnedDescriptor, to stream: OwnedDescriptor) throws(SystemError) {
        self.socket = socket
        self.stream = stream
        finished = try EventDescriptor()
    }

    /// What comes first; nothing when the container has closed the stream without output, and all is done.
    func readFirst() -> [UInt8] {
        let piece = (try? socket.read(atMost: Self.maxAtOnce)) ?? []
        if piece.isEmpty { finished.signal() }
        return piece
    }

    /// Writes what came first and goes on until the end.
    func start(with first: [UInt8]) throws(SystemError) {
        _ = try Thread(named: "output") { [self] in
            var piece = first
            while !piece.isEmpty {
                do {
                    try stream.write(all: piece)
                    piece = try socket.read(atMost: Self.maxAtOnce)
                } catch {
                    // Nobody reads it any more: the container shall know, as if it wrote to the pipe itself.
                    break
                }
            }
            socket.endConnection()
            finished.signal()
        }
    }
}

/// Takes this process's standard input to a container. Its thread is left alone when the container has ended: nothing
/// ends a blocking read of a stream that others share.
enum InputPump {
    private static let maxAtOnce = 64 << 10

    static func start(from stream: OwnedDescriptor, to socket: OwnedDescriptor) throws(SystemError) {
        _ = try Thread(named: "input") {
            while let piece = try? stream.read(atMost: maxAtOnce), !piece.isEmpty {
                guard (try? socket.send(piece)) != nil else { return }
            }
            socket.endWriting()
        }
    }
}
