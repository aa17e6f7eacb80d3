import CLinux
import Glibc
public import LinuxSystem
public import SystemPackage

/// A file or directory of the host for a container: opened here, for a VM opens nothing by itself.
public struct HostVolume: Sendable {
    /// A mount of its own, attached to nothing, of just this file or directory: read-only where the volume is, so that the
    /// host's kernel keeps it from changes too.
    public let descriptor: OwnedDescriptor
    public let isReadOnly: Bool
    /// Whether the mounts below it are seen too.
    public let isRecursive: Bool
    /// Nobody changes anything of it for as long as a container may see it.
    public let isConstant: Bool

    /// - `path`: followed through links, like any path that a user of the host names.
    /// - `isPrivate`: what is mounted below it later is not seen.
    /// - Throws: for what does not exist, or is neither a file nor a directory.
    public init(
        opening path: FilePath, isReadOnly: Bool, isRecursive: Bool = true, isPrivate: Bool = true
    ) throws(SpecificationError) {
        let expected = "a file or directory that exists"
        let mount: OwnedDescriptor
        do throws(SystemError) {
            mount = try Self.mount(of: path, isReadOnly, isRecursive, isPrivate)
        } catch {
            throw .invalid(setting: "the volume", value: path.string, expected: "\(expected): \(error.errno)")
        }
        guard let kind = try? mount.status(), kind.isDirectory || kind.isRegular else {
            throw .unsupported(
                setting: "the volume", value: path.string,
                reason: "only files and directories can be shared with a VM, no sockets, pipes or devices")
        }
        descriptor = mount
        self.isReadOnly = isReadOnly
        self.isRecursive = isRecursive
        isConstant = false
    }

    /// The root file system that unpacked layers make up, read-only.
    ///
    /// - Parameter layers: absolute paths, the topmost first. As committed snapshots do, they stay as they are.
    /// - Throws: for a layer that is no directory, naming it.
    public init(layers: [String]) throws(SpecificationError) {
        guard let topmost = layers.first else { throw .missing(setting: "the layers of the root file system") }
        for path in layers {
            guard path.hasPrefix("/"), (try? FileSystem.status(path))?.isDirectory == true else {
                throw .invalid(
                    setting: "a layer of the root", value: path, expected: "the absolute path of a directory")
            }
        }
        do throws(SystemError) {
            // A single one is the root itself: overlays are of two and more.
            let mount =
                layers.count > 1
                ? try LayerStack.mount(layers) : try Self.mount(of: FilePath(topmost), true, false, true)
            try checked(clinux_restrict_mount(mount.rawValue, false, true, true), "restrict the root \(topmost)")
            descriptor = mount
        } catch {
            throw .unsupported(
                setting: "a root of \(layers.count) layers above", value: layers.last ?? "", reason: "\(error)")
        }
        isReadOnly = true
        isRecursive = false
        isConstant = true
    }

    private static func mount(
        of path: FilePath, _ isReadOnly: Bool, _ isRecursive: Bool, _ isPrivate: Bool
    ) throws(SystemError) -> OwnedDescriptor {
        // SAFETY: the path's C string lives for the call.
        let raw = unsafe path.withPlatformString { unsafe clinux_clone_mount($0, isRecursive) }
        let mount = OwnedDescriptor(taking: try checked(raw, "open the volume \(path)"))
        try checked(
            clinux_restrict_mount(mount.rawValue, isRecursive, isReadOnly, isPrivate), "restrict the volume \(path)")
        return mount
    }
}
