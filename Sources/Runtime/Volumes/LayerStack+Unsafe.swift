import CLinux
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage

/// Unpacked layers as the one directory that they make up: an overlay of the host's kernel.
///
/// It is mounted where nobody sees it, by a thread that has mounts of its own and ends: what stays is a mount that is
/// attached to nothing, and that goes with its last descriptor, whichever process is killed.
enum LayerStack {
    /// What mount(2) takes of options, in bytes: a page, with its end.
    private static let maxOptionBytes = 4095

    /// - Parameter layers: absolute paths, the topmost first; two or more.
    static func mount(_ layers: [String]) throws(SystemError) -> OwnedDescriptor {
        let outcome = Outcome()
        try Thread(named: "layers") { outcome.set(Result { () throws(SystemError) in try mountAlone(layers) }) }.join()
        return try outcome.get()
    }

    private static func mountAlone(_ layers: [String]) throws(SystemError) -> OwnedDescriptor {
        let what = "mount an overlay of \(layers.count) layers, \(layers[0]) the topmost"
        try checked(clinux_leave_mounts(), what)
        var directories: [OwnedDescriptor] = []
        // Here, for the kernel takes no layer from among others' mounts.
        for path in layers { directories.append(try OwnedDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)) }
        // By descriptor: short, and without characters that mean something in options.
        let options = "lowerdir=" + directories.map { "/proc/self/fd/\($0.rawValue)" }.joined(separator: ":")
        guard options.utf8.count <= maxOptionBytes else { throw SystemError(what, .argListTooLong) }
        defer { withExtendedLifetime(directories) {} }
        // SAFETY: both C strings live for the call.
        return OwnedDescriptor(taking: try unsafe checked(clinux_mount_overlay(layers[0], options), what))
    }

    /// What the thread has made.
    private final class Outcome: Sendable {
        private let result = Mutex<Result<OwnedDescriptor, SystemError>>(
            .failure(SystemError("mount layers", .interrupted)))

        func set(_ value: Result<OwnedDescriptor, SystemError>) { result.withLock { $0 = value } }
        func get() throws(SystemError) -> OwnedDescriptor { try result.withLock { $0 }.get() }
    }
}
