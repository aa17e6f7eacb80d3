import CLinux
import OCI
import SystemPackage

/// The shared memory of a container, which is memory of its zone, although containerd binds a tmpfs of the host's.
enum SharedMemory {
    static let path = "/dev/shm"
    static let usualSizeInBytes: UInt64 = 64 << 20

    /// How large it is to be; nil for another mount.
    static func size(of mount: RuntimeSpec.Mount) -> UInt64? {
        guard FilePath(mount.destination) == FilePath(path) else { return nil }
        // SAFETY: the path's C string lives for the call.
        let hosts = mount.source.map { unsafe clinux_memory_file_system_size($0) } ?? 0
        return hosts > 0 ? hosts : usualSizeInBytes
    }
}
