import Glibc
import LinuxSystem
import SystemPackage

/// Debian's docker-registry on a free port of the loopback interface, for as long as this lives.
public final class DockerRegistry: Sendable {
    public static let isInstalled = findProgram("docker-registry") != nil

    /// HOST:PORT.
    public let authority: String
    public let port: UInt16
    private let directory: TemporaryDirectory
    private let child: ChildProcess

    /// What it asks of its clients.
    public enum Access {
        case anybody
        /// USER:PASSWORD in bcrypt, a line of htpasswd(1).
        case user(String)
        /// Connections by TLS: a certificate and its key, PEM files.
        case tls(certificate: String, key: String)
        /// Anybody may read what another registry has, and it keeps that: a mirror of this one.
        case mirror(of: String)
    }

    public init(_ access: Access = .anybody) throws {
        directory = try TemporaryDirectory()
        port = try Self.freePort()
        authority = "127.0.0.1:\(port)"
        var text = """
            version: 0.1
            storage: {filesystem: {rootdirectory: \(directory.path)/storage}}
            http: {addr: '\(authority)'\(Self.tls(access))}

            """
        if case .user(let line) = access {
            let file = try directory.write("users", Array(line.utf8))
            text += "auth: {htpasswd: {realm: test, path: \(file)}}\n"
        }
        if case .mirror(let origin) = access { text += "proxy: {remoteurl: 'http://\(origin)'}\n" }
        let file = try directory.write("config.yml", Array(text.utf8))
        let (reader, writer) = try OwnedDescriptor.pipe()
        guard let program = findProgram("docker-registry") else {
            throw SystemError("find docker-registry in PATH", .noSuchFileOrDirectory)
        }
        child = try ProcessLaunch(
            program, arguments: [program, "serve", file], environment: ["PATH=\(defaultSearchPath)"],
            input: try OwnedDescriptor(opening: "/dev/null", flags: O_RDONLY), output: writer, error: writer
        ).start()
        try Self.awaitListening(reader)
    }

    deinit {
        kill()
        _ = try? child.waitForEnd()
    }

    /// As a host that loses its power.
    public func kill() { sendSignal(SIGKILL, to: child.id) }

    /// The file of its storage that has a blob.
    public func blobPath(_ hex: String) -> String {
        "\(directory.path)/storage/docker/registry/v2/blobs/sha256/\(hex.prefix(2))/\(hex)/data"
    }

    private static func tls(_ access: Access) -> String {
        guard case .tls(let certificate, let key) = access else { return "" }
        return ", tls: {certificate: \(certificate), key: \(key)}"
    }

    /// Another process could take it before the registry does; then that says so and the test fails.
    private static func freePort() throws -> UInt16 {
        let listener = try TCPSocket.listen(at: "127.0.0.1", port: 0)
        return try TCPSocket.port(of: listener)
    }

    private static func awaitListening(_ log: OwnedDescriptor) throws {
        var text = ""
        let deadline = Deadline(inMilliseconds: 30_000)
        while !text.contains("listening on") {
            guard try log.isReadable(by: deadline) else { break }
            let bytes = try log.read(atMost: 4096)
            guard !bytes.isEmpty else { break }
            text += String(decoding: bytes, as: UTF8.self)
        }
        guard text.contains("listening on") else {
            throw SystemError("start docker-registry, which says \(text.suffix(500))", .timedOut)
        }
        // What it logs is taken from it, or it would wait for a reader.
        _ = try Thread(named: "registry log") { while let bytes = try? log.read(atMost: 4096), !bytes.isEmpty {} }
    }
}
