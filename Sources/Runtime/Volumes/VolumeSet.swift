public import AgentProtocol
import ControlProtocol
import LinuxSystem
public import OCI
public import SystemPackage

/// The bind mounts of a container (runtime-spec config.md, "Mounts"): each a volume of the host, opened. They are attached
/// to the VM on the connection by which the container is run, before it is (`PlacementAttempt`).
public struct VolumeSet: Sendable {
    /// What becomes of a bind mount.
    enum Place: Equatable, Sendable {
        /// The volume with this number.
        case volume(Int)
        /// A tmpfs in the container's own zone, of so many bytes.
        case memory(sizeInBytes: UInt64)
    }

    /// In the order of their numbers.
    public private(set) var volumes: [HostVolume] = []
    /// By the index of the mount.
    private var places: [Int: Place] = [:]

    /// No volumes at all.
    public static let none = VolumeSet()

    private init() {}

    /// Opens the sources of those mounts that are bind mounts.
    ///
    /// `directory`: where relative sources begin: the bundle.
    /// - Throws: for a source that cannot be a volume, naming it.
    public init(of mounts: [RuntimeSpec.Mount], relativeTo directory: FilePath) throws(SpecificationError) {
        for (index, mount) in mounts.enumerated() where mount.isBind {
            if let size = SharedMemory.size(of: mount) {
                places[index] = .memory(sizeInBytes: size)
                continue
            }
            guard let source = mount.source, !source.isEmpty else {
                throw .missing(setting: "the source of the bind mount at \(mount.destination)")
            }
            let words = mount.options ?? []
            let path = directory.pushing(FilePath(unescaping: source))
            let volume = try HostVolume.opened(source) { () throws(SpecificationError) in
                try HostVolume(
                    opening: path, isReadOnly: BindOptions.isReadOnly(words), isRecursive: words.contains("rbind"),
                    isPrivate: !words.contains("rslave") && !words.contains("slave"))
            }
            places[index] = .volume(volumes.count)
            volumes.append(volume)
        }
    }

    /// Adds the root file system that unpacked layers make up, for a VM that does not have it as its image.
    ///
    /// - Parameter layers: absolute paths, the topmost first.
    /// - Returns: what names it in the container's specification.
    /// - Throws: for a layer that is no directory, naming it.
    public mutating func addRoot(of layers: [String]) throws(SpecificationError) -> Tree {
        volumes.append(
            try HostVolume.opened(layers.last ?? "") { () throws(SpecificationError) in try HostVolume(layers: layers) }
        )
        return .share(tag: AttachRequest.tag, path: "\(volumes.count - 1)")
    }

    /// What becomes of the mount with this index.
    func place(ofMount index: Int) -> Place? { places[index] }
}

/// The option words of a bind mount.
enum BindOptions {
    /// The last word counts. A recursive one is no different: nothing below a read-only volume can be written to.
    static func isReadOnly(_ words: [String]) -> Bool {
        let last = words.last { ["ro", "rro", "rw", "rrw"].contains($0) }
        return last == "ro" || last == "rro"
    }

    private static let mapping: Set = ["idmap", "ridmap"]

    /// The words in the form that other mounts have.
    static func plain(_ words: [String]) -> [String] {
        words.filter { !mapping.contains($0) }.map { $0 == "rro" ? "ro" : $0 == "rrw" ? "rw" : $0 }
    }

    /// Whether the volume's owners are those of the container's user namespace.
    static func isMapped(_ mount: RuntimeSpec.Mount) -> Bool {
        mount.uidMappings?.isEmpty == false || mount.options?.contains(where: mapping.contains) == true
    }
}
