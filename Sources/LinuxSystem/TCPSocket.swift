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
}
