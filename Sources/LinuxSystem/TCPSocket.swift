import CLinux
import SystemPackage

/// Listening TCP sockets (tcp(7)).
public enum TCPSocket {
    /// Listens at an address, close-on-exec and non-blocking.
    ///
    /// - Parameters:
    ///   - host: an IPv4 or IPv6 address in numbers.
    ///   - port: 0 for any that is free.
    ///   - backlog: connections that wait to be accepted, at most.
    public static func listen(at host: String, port: UInt16, backlog: CInt = 16) throws(SystemError) -> OwnedDescriptor
    {
        // SAFETY: the call borrows a C string for its duration.
        OwnedDescriptor(
            taking: try unsafe checked(clinux_listen_tcp(host, port, backlog), "listen at \(host) port \(port)"))
    }

    /// The port that a socket listens at.
    public static func port(of socket: OwnedDescriptor) throws(SystemError) -> UInt16 {
        UInt16(truncatingIfNeeded: try checked(clinux_tcp_port(socket.rawValue), "read a socket's port"))
    }

    /// A connection to an address, close-on-exec and blocking, that sends what it is given at once (TCP_NODELAY).
    ///
    /// `host`: an IPv4 or IPv6 address in numbers.
    public static func connect(to host: String, port: UInt16) throws(SystemError) -> OwnedDescriptor {
        // SAFETY: the call borrows a C string for its duration.
        OwnedDescriptor(
            taking: try unsafe checked(clinux_connect_tcp(host, port), "connect to \(host) port \(port)"))
    }

    /// Has a connection send what it is given at once (TCP_NODELAY).
    public static func sendAtOnce(_ socket: OwnedDescriptor) throws(SystemError) {
        try checked(clinux_tcp_send_at_once(socket.rawValue), "make a connection send at once")
    }
}
