/// How the agent reaches the host's ports.
enum StreamTransport {
    case vsock
    /// Tests: sockets in a directory, named by the port.
    case directory(String)

    /// A stream that is being connected.
    func connect(port: UInt32) throws(Failure) -> Descriptor {
        let result =
            switch self {
            case .vsock: Kernel.connectHost(port: port)
            case .directory(let path): Kernel.connectUnix("\(path)/\(port)")
            }
        return Descriptor(taking: try check(result, .streams, "connect to port \(port) of the host"))
    }
}
