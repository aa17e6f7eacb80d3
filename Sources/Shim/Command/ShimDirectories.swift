import LinuxSystem
import OCI
import Runtime
import SystemPackage

/// Where this host's registry and images are: as for `czone`, by CZONE_ROOT and CZONE_STORE.
public struct ShimDirectories: Sendable {
    let root: FilePath
    let store: FilePath

    /// - Throws: a line for a person where a variable is no absolute path.
    public init() throws {
        try self.init(
            root: FilePath(HostDirectories.root()), store: FilePath(HostDirectories.store()))
    }

    init(root: FilePath, store: FilePath) throws {
        self.root = root
        self.store = store
        _ = try (registry(), images())
    }

    func registry() throws -> Registry { try Registry(root: root) }
    func images() throws -> ImageStore { try HostDirectories.images(of: store) }

    /// A container's id in the registry. containerd's identifiers have no `@`, so no two containers meet.
    static func registryID(_ id: String, namespace: String) -> String { "\(id)@\(namespace)" }
}
