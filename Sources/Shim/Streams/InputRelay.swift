import LinuxSystem
import SystemPackage

/// Takes what is written into a fifo to a process's standard input. Its thread ends with the fifo's writers, on request,
/// or when the process reads no more.
final class InputRelay: Sendable {
    private static let maxAtOnce = 64 << 10

    private let fifo: OwnedDescriptor
    private let socket: OwnedDescriptor
    private let stop: EventDescriptor

    /// - Parameter fifo: open for reading, non-blocking.
    init(from fifo: OwnedDescriptor, to socket: OwnedDescriptor) throws {
        self.fifo = fifo
        self.socket = socket
        stop = try EventDescriptor()
        _ = try Thread(named: "input") { [self] in
            relay()
            socket.endWriting()
        }
    }

    /// Ends the input after what is in the fifo now.
    func finish() { stop.signal() }

    private func relay() {
        while true {
            // The socket is watched for its end alone: the process has gone.
            guard let ready = try? wait(for: [(fifo, .readable), (stop.descriptor, .readable), (socket, [])]),
                ready[2].isEmpty
            else { return }
            let isLast = !ready[1].isEmpty
            guard !ready[0].isEmpty || isLast else { continue }
            guard pass(untilEmpty: isLast), !isLast else { return }
        }
    }

    /// Passes what there is; false at the end of the input, or when nobody takes it.
    private func pass(untilEmpty: Bool) -> Bool {
        repeat {
            let piece: [UInt8]
            do { piece = try fifo.read(atMost: Self.maxAtOnce) } catch {
                return error.errno == .resourceTemporarilyUnavailable
            }
            guard !piece.isEmpty, (try? socket.send(piece)) != nil else { return false }
        } while untilEmpty
        return true
    }
}
