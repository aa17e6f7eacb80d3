import Glibc
import LinuxSystem
import OCI
import Runtime
import SystemPackage

/// The daemon that serves the containers of one function, tenant and containerd: its lock and its socket.
struct ShimGroup: Sendable {
    /// Where containerd's own shims have their sockets. A path of a unix socket has at most 106 bytes.
    private static let socketDirectory = "/run/containerd/s"

    /// How long a `start` waits for others that start or end the daemon, and for its socket, in milliseconds: containerd
    /// gives up a shim that has not started within 10 s.
    private static let patience: CInt = 5_000

    let name: String
    let root: FilePath

    init(name: String, root: FilePath) {
        self.name = name
        self.root = root
    }

    init(_ membership: Membership, _ invocation: Invocation, root: FilePath) {
        var bytes: [UInt8] = []
        for field in [
            invocation.address, invocation.namespace, membership.tenant, membership.function ?? "", root.string,
        ] {
            bytes += Array("\(field.utf8.count):\(field)".utf8)
        }
        self.init(name: Digest(of: bytes).hex, root: root)
    }

    var socketPath: String { "\(Self.socketDirectory)/\(name)" }
    /// What containerd gets, and connects to.
    var address: String { "unix://\(socketPath)" }
    private var directory: FilePath { root.appending("shims") }

    /// Keeps everybody else from starting or ending the daemon for as long as the descriptor lives.
    func lock() throws -> OwnedDescriptor {
        let file = try lockFile()
        try file.takeLock(.exclusive, withinMilliseconds: Self.patience)
        return file
    }

    /// The same without waiting; nil where somebody has it.
    func tryLock() throws -> OwnedDescriptor? {
        let file = try lockFile()
        return try file.tryLock(.exclusive) ? file : nil
    }

    /// The lock's file stays when the daemon ends: a process that waits for it must not get the lock of a file that is
    /// gone.
    private func lockFile() throws -> OwnedDescriptor {
        try FileSystem.makeDirectories(directory)
        return try OwnedDescriptor(opening: lockPath, flags: O_RDWR | O_CREAT)
    }

    private var lockPath: String { directory.appending("\(name).lock").string }

    /// Notes in the lock's file that the daemon was found or started: it lives on until the caller that got its address
    /// has had time to come.
    func noteStart(in lock: OwnedDescriptor) throws {
        try lock.truncate()
        try lock.write(all: Array(Registry.freshID().utf8))
    }

    /// What the last start has left; changes with each.
    var lastStart: [UInt8] {
        get throws { try FileSystem.contents(of: lockPath, atMost: 64) ?? [] }
    }

    /// Whether a daemon listens. Only with the lock held, or the answer may be old.
    func isServed() -> Bool {
        (try? UnixSocket.connect(to: socketPath, sendingWithinMilliseconds: Self.patience)) != nil
    }

    /// A new listening socket in the place of one that nobody listens at. Only with the lock held.
    func listen() throws -> OwnedDescriptor {
        try FileSystem.makeDirectories(FilePath(Self.socketDirectory), mode: 0o711)
        try FileSystem.removeFile(socketPath)
        return try UnixSocket.listen(at: socketPath)
    }

    func removeSocket() { try? FileSystem.removeFile(socketPath) }
}
