import LinuxSystem
import Glibc
import SystemPackage

extension RootBuilder {
    /// An entry's name as a path below the root: what is absolute begins at the root, and nothing leads upwards.
    func relative(_ path: FilePath) throws(OCIError) -> FilePath {
        var components: [FilePath.Component] = []
        for component in path.components {
            switch component.kind {
            case .regular: components.append(component)
            case .currentDirectory: continue
            case .parentDirectory:
                throw .unsafeEntry(path: path.string, reason: "\"..\" would lead out of its directory")
            @unknown default: throw .unsafeEntry(path: path.string, reason: "it is no plain path")
            }
        }
        return FilePath(root: nil, components)
    }

    /// The directory that an entry goes to. Directories that no layer has given are made, as archives may leave them out.
    func parentDirectory(_ path: FilePath, of entry: FilePath) throws(OCIError) -> Directory {
        if let lastParent, lastParent.path == path { return lastParent.directory }
        let existing = try tree.directory(path)
        let directory = if let existing { existing } else { try makeDirectories(path, of: entry, linksLeft: 40) }
        lastParent = (path, directory)
        return directory
    }

    /// Makes the directories of a path that are missing. A link to where nothing is gets its target made; a file that is in
    /// the way belongs to a lower layer and gives way, as it would in an overlay.
    private func makeDirectories(_ path: FilePath, of entry: FilePath, linksLeft: Int) throws(OCIError) -> Directory {
        guard let name = path.lastComponent else { return tree.root }
        if let directory = try tree.directory(path) { return directory }
        let parentPath = path.removingLastComponent()
        let parent = try makeDirectories(parentPath, of: entry, linksLeft: linksLeft)
        if try parent.status(of: name)?.kind == .symbolicLink, let target = parent.target(of: name) {
            guard linksLeft > 0 else {
                throw .unsafeEntry(
                    path: entry.string, reason: "its directory \(quoted(path.string)) is a link that leads nowhere")
            }
            let base = target.isAbsolute ? FilePath() : parentPath
            let resolved = FilePath(root: "/", base.components).appending(target.components).lexicallyNormalized()
            return try makeDirectories(FilePath(root: nil, resolved.components), of: entry, linksLeft: linksLeft - 1)
        }
        if placed.contains(Place(directory: parent.inode, name: name)) {
            throw .unsafeEntry(
                path: entry.string, reason: "its directory \(quoted(path.string)) is a file of the same layer")
        }
        try clear(name, in: parent)
        return try makeDirectory(name, in: parent, path)
    }

    /// Makes a directory and notes it, within the limits of depth and of a path's length.
    @discardableResult
    func makeDirectory(_ name: FilePath.Component, in parent: Directory, _ path: FilePath) throws(OCIError) -> Directory
    {
        let above = directories[parent.inode] ?? DirectoryState(depth: 0, pathLength: 0, modified: .zero)
        let length = above.pathLength + 1 + name.string.utf8.count
        guard above.depth < limits.depth, length < Int(PATH_MAX) / 2 else {
            throw .limitExceeded(
                what: "directories in each other (\(quoted(path.string)))", limit: UInt64(limits.depth))
        }
        try parent.makeDirectory(name)
        let directory = try parent.directory(name)
        directories[directory.inode] = DirectoryState(depth: above.depth + 1, pathLength: length, modified: .zero)
        return directory
    }

    /// Makes a name free for another entry.
    func clear(_ name: FilePath.Component, in parent: Directory) throws(OCIError) {
        guard try parent.status(of: name) != nil else { return }
        lastParent = nil
        try parent.removeTree(name)
    }
}
