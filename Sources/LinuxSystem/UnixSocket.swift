import CLinux
import Glibc
import SystemPackage

// SAFETY: the C calls of this file without a reason of their own borrow a string, an array with its count or a local
// variable, and only for the call.

/// Stream sockets between processes of one host (unix(7)); all close-on-exec and blocking.
public enum UnixSocket {
    /// A pair of sockets, each the other's peer.
    public static func pair() throws(SystemError) -> (OwnedDescriptor, OwnedDescriptor) {
        var ends: [CInt] = [-1, -1]
        try unsafe checked(clinux_socket_pair(&ends), "make a socket pair")
        return (OwnedDescriptor(taking: ends[0]), OwnedDescriptor(taking: ends[1]))
    }

    /// Listens at a path, however long, that must be free.
    public static func listen(at path: String, backlog: CInt = 128) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(taking: try unsafe checked(clinux_listen(path, backlog), "listen at \(path)"))
    }

    /// Connects to a path, however long. ECONNREFUSED: nobody has the listening socket any more.
    ///
    /// - Parameters:
    ///   - path: the socket's.
    ///   - limit: so long connecting, and each later sending, waits for a peer that takes nothing, in milliseconds; then it
    ///     fails with EAGAIN. 0: for ever.
    public static func connect(
        to path: String, sendingWithinMilliseconds limit: CInt = 0
    ) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(taking: try unsafe checked(clinux_connect(path, limit), "connect to \(path)"))
    }
}

extension OwnedDescriptor {
    /// Sends everything over a blocking socket, descriptors with the first byte.
    public func send(_ bytes: [UInt8], descriptors: [OwnedDescriptor] = []) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            rest = rest.dropFirst(try send(some: rest, descriptors: rest.count == bytes.count ? descriptors : []))
        }
    }

    /// Sends what the socket takes now, descriptors with the first byte; the count of bytes that it took.
    public func send(
        some bytes: ArraySlice<UInt8>, descriptors: [OwnedDescriptor] = []
    ) throws(SystemError) -> Int {
        let numbers = descriptors.map(\.rawValue)
        while true {
            let result = unsafe bytes.withUnsafeBytes { buffer in
                // SAFETY: address and length are the buffer's own; the numbers' count is the array's own.
                unsafe clinux_send_descriptors(rawValue, buffer.baseAddress, buffer.count, numbers, numbers.count)
            }
            if result != -Int(EINTR) { return try checked(result, "send to a socket") }
        }
    }

    /// Receives what has come, at most so many bytes and descriptors; no bytes mean that the peer has closed.
    public func receive(atMost limit: Int, descriptors room: Int) throws(SystemError) -> ([UInt8], [OwnedDescriptor]) {
        var numbers = [CInt](repeating: -1, count: room)
        var count = room
        var result = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, filled in
            repeat {
                count = room
                // SAFETY: address and capacity are the buffer's own; the numbers' room is the array's count.
                result = unsafe clinux_receive_descriptors(rawValue, buffer.baseAddress, limit, &numbers, &count)
            } while result == -Int(EINTR)
            filled = max(0, result)
        }
        try checked(result, "receive from a socket")
        return (bytes, numbers.prefix(count).map(OwnedDescriptor.init(taking:)))
    }

    /// Ends a socket's writing direction: the peer reads to the end of what was sent.
    public func endWriting() { _ = shutdown(rawValue, CInt(SHUT_WR)) }
    /// Ends both directions: a thread that blocks in reading or writing returns.
    public func endConnection() { _ = shutdown(rawValue, CInt(SHUT_RDWR)) }
}

extension OwnedDescriptor {
    /// The next connection of a listening, non-blocking socket; nil where nobody waits.
    public func accept() -> OwnedDescriptor? {
        let connection = clinux_accept(rawValue)
        return connection < 0 ? nil : OwnedDescriptor(taking: connection)
    }
}
