import AgentProtocol
import ContainerdAPI
import ControlProtocol
import LinuxSystem
import Logging
import Logs
import OCI
import Runtime
import TTRPC

/// Where containerd says that a container's root file system is.
enum RootSource: Equatable, Sendable {
    /// Unpacked layers, the topmost first: snapshots of overlayfs.
    case layers([String])
    /// A directory that is a root file system.
    case directory(String)

    /// - Parameters:
    ///   - mounts: what `Create` brings. Nothing is mounted: the layers are read where they are.
    ///   - root: `root.path` of the specification, which holds where no mounts are.
    init(_ mounts: [Containerd_Types_Mount], root: String?, bundle: String) throws {
        guard let mount = mounts.first else {
            guard let root, !root.isEmpty else {
                throw Status(.invalidArgument, "the container has no root file system")
            }
            self = .directory(root.hasPrefix("/") ? root : "\(bundle)/\(root)")
            return
        }
        if let raw = mounts.first(where: { Self.isForOthers($0.type) }) {
            throw Status(
                .unimplemented,
                "a root of \(quoted(raw.type)) is not supported: a VM maps one image, whose files all lie so that they can be mapped, and makes it of layers that containerd has mounted or unpacked (no runtime-allow-mounts; the overlayfs snapshotter needs no mounts)"
            )
        }
        guard mounts.count == 1 else {
            let types = mounts.map(\.type).joined(separator: ", ")
            throw Status(
                .unimplemented,
                "a root of \(mounts.count) mounts (\(types)) is not supported: expected one of overlay or bind")
        }
        switch mount.type {
        case "overlay":
            let lower = mount.options.first { $0.hasPrefix("lowerdir=") }?.dropFirst("lowerdir=".count) ?? ""
            let layers = lower.split(separator: ":").map(String.init)
            guard !layers.isEmpty else { throw Status(.invalidArgument, "the root's overlay mount names no lowerdir") }
            self = .layers(layers)
        case "bind": self = .layers([mount.source])
        default:
            throw Status(
                .unimplemented, "a root of type \(quoted(mount.type)) is not supported: use the overlayfs snapshotter")
        }
    }

    /// Mounts that containerd hands on as they are to runtimes that ask for it (containerd, docs/mounts.md): a raw layer
    /// of the erofs snapshotter, a file system to be made, a mount with words to be filled in.
    private static func isForOthers(_ type: String) -> Bool { type == "erofs" || type.contains("/") }

    func image(from store: ImageStore, name: String) throws -> StoredImage {
        let progress: ImportProgress.Observer = { _ in }
        switch self {
        case .layers(let layers): return try store.resolve(layers: layers, name: name, progress: progress)
        case .directory(let path): return try store.resolve(ImageReference("dir:\(path)"), progress: progress)
        }
    }

    /// Where a pod's VM finds the root: in its own image, in one that is brought to it, or, where it has no place for
    /// that, in a volume of the host's layers.
    func layer(
        in home: Home, _ store: ImageStore, named name: String, _ timeouts: ControlTimeouts, _ volumes: inout VolumeSet
    ) throws -> Tree {
        if case .layers(let layers) = self, try store.digest(ofLayers: layers) == home.image.digest {
            return .image(device: 0)
        }
        let image = try image(from: store, name: name)
        if image.digest == home.image.digest { return .image(device: 0) }
        do throws(RuntimeError) {
            return .image(device: try home.machine.bring(image, of: store, timeouts))
        } catch {
            guard case .refused(let refusal) = error, refusal.reason != .late else { throw error }
            guard case .layers(let layers) = self else {
                // Not as a volume: unlike a snapshot's layers, a directory may change while it is used.
                throw Status(
                    .unimplemented,
                    "the root \(quoted(name)) is another image than its pod's first container's, and its VM does not take it: \(refusal.text)"
                )
            }
            Log.logger.notice("\(name) is read over the file server: \(refusal.text)")
            return try volumes.addRoot(of: layers)
        }
    }
}
