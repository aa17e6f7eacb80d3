import LinuxSystem
import SystemPackage

/// The names by which a layer takes away what lower layers have (OCI image spec 1.1, layer.md, "Whiteouts").
enum Whiteout {
    static let prefix = ".wh."
    /// Takes away everything that is in its directory.
    static let opaque = ".wh..wh..opq"
    /// AUFS's own files begin like this; they mean nothing to anybody else.
    private static let internalPrefix = ".wh..wh."

    /// Whether an entry is, or lies in, a file of AUFS's own.
    static func isInternal(_ path: FilePath) -> Bool {
        guard path.string.contains(internalPrefix) else { return false }
        return path.components.contains { $0.string.hasPrefix(internalPrefix) && $0.string != opaque }
    }
}

extension RootBuilder {
    /// Does what a whiteout says. It only applies to what lower layers have: an archive may hold it before or after what
    /// the same layer puts into its place.
    func whiteOut(_ marker: FilePath.Component, in parent: Directory, _ path: FilePath) throws(OCIError) {
        lastParent = nil
        if marker.string == Whiteout.opaque { return try removeLower(in: parent) }
        guard let name = FilePath.Component(whiteOutOf: marker) else {
            throw .unsafeEntry(path: path.string, reason: "the whiteout names nothing that it could remove")
        }
        try removeLower(name, in: parent)
    }

    private func removeLower(in directory: Directory) throws(OCIError) {
        for name in try directory.names() { try removeLower(name, in: directory) }
    }

    private func removeLower(_ name: FilePath.Component, in parent: Directory) throws(OCIError) {
        guard let status = try parent.status(of: name) else { return }
        let isPlaced = placed.contains(Place(directory: parent.inode, name: name))
        guard status.kind == .directory else {
            if !isPlaced { try parent.remove(name) }
            return
        }
        // The depth of directories is limited, and so is this recursion.
        let directory = try parent.directory(name)
        try removeLower(in: directory)
        if !isPlaced, try directory.names().isEmpty { try parent.remove(name, isDirectory: true) }
    }
}

extension FilePath.Component {
    /// What a whiteout's name names, byte for byte; nil when that is no name.
    fileprivate init?(whiteOutOf marker: FilePath.Component) {
        let bytes = marker.bytes.dropFirst(Whiteout.prefix.utf8.count)
        guard let component = FilePath(bytes: Array(bytes)).lastComponent, component.kind == .regular else {
            return nil
        }
        self = component
    }
}
