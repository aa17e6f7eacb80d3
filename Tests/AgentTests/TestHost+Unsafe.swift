import AgentProtocol
import Glibc
import LinuxSystem
import SystemPackage

enum FileManager {
    static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    static func write(_ text: String, to path: String) throws {
        try OwnedDescriptor(opening: path, flags: O_CREAT | O_WRONLY | O_TRUNC, mode: 0o755).write(
            all: [UInt8](text.utf8))
    }

    static func read(_ path: String) throws -> String {
        String(decoding: try OwnedDescriptor(opening: path, flags: O_RDONLY).read(atMost: 1 << 20), as: UTF8.self)
    }
}

func mkdir(_ path: String, _ mode: mode_t) { _ = unsafe Glibc.mkdir(path, mode) }
func symlink(_ target: String, _ path: String) { _ = unsafe Glibc.symlink(target, path) }

/// A root file system of busybox.
enum TestRoot {
    static let programs = [
        "sh", "true", "false", "cat", "echo", "id", "env", "ls", "sleep", "head", "dd", "stty", "tty", "kill", "mount",
        "hostname", "pwd", "wc", "grep", "ps", "mknod", "readlink", "stat", "umask", "tail", "touch", "ip", "sysctl",
        "tr", "nc",
    ]

    static func fill(_ root: String) throws {
        let busybox = try OwnedDescriptor(opening: "/bin/busybox", flags: O_RDONLY)
        let size = Int(try busybox.sizeInBytes())
        let copy = try OwnedDescriptor(opening: root + "/bin/busybox", flags: O_CREAT | O_WRONLY | O_TRUNC, mode: 0o755)
        try copy.write(all: try busybox.read(exactly: size, at: 0))
        for program in programs { symlink("busybox", root + "/bin/" + program) }
        try FileManager.write("no program\n", to: root + "/bin/notexecutable")
        _ = unsafe chmod(root + "/bin/notexecutable", 0o644)
        try FileManager.write("\u{7F}ELFnonsense", to: root + "/bin/broken")
    }
}

/// The host's end of a stream.
final class StreamListener {
    private let listener: OwnedDescriptor

    init(path: String) throws { listener = try UnixSocket.listen(at: path) }

    /// On a vsock port of this machine.
    init(port: UInt32) throws {
        let raw = socket(40 /* AF_VSOCK */, CInt(SOCK_STREAM.rawValue), 0)
        guard raw >= 0 else { throw SystemError("make a vsock socket", Errno(rawValue: errno)) }
        listener = OwnedDescriptor(taking: raw)
        // struct sockaddr_vm: family, reserved, port, context (any), zeros.
        let words: [UInt32] = [40, port, .max, 0]
        let bound = unsafe words.withUnsafeBytes { address in
            // SAFETY: 16 bytes are the size of the structure.
            unsafe bind(raw, address.baseAddress?.assumingMemoryBound(to: sockaddr.self), 16)
        }
        guard bound == 0, Glibc.listen(raw, 8) == 0 else {
            throw SystemError("listen on vsock port \(port)", Errno(rawValue: errno))
        }
    }

    /// Waits for the agent's connection.
    func accept() throws -> OwnedDescriptor {
        let ready = try wait(for: [(listener, .readable)], timeoutInMilliseconds: 120_000)
        guard !ready[0].isEmpty else { throw SystemError("be connected to", .timedOut) }
        // SAFETY: no address is asked for.
        let raw = Glibc.accept(listener.rawValue, nil, nil)
        return OwnedDescriptor(taking: raw)
    }
}

extension OwnedDescriptor {
    /// Everything until the end.
    func readAll() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let ready = try wait(for: [(self, .readable)], timeoutInMilliseconds: 60_000)
            guard !ready[0].isEmpty else { throw SystemError("read to the end", .timedOut) }
            let more = try read(atMost: 65536)
            if more.isEmpty { return bytes }
            bytes += more
        }
    }

    func readText() throws -> String { String(decoding: try readAll(), as: UTF8.self) }
}
