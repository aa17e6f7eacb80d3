import LinuxSystem
import SystemPackage

extension Directory {
    /// Removes what lies at a name, a directory with all that is in it, however deep.
    func removeTree(_ name: FilePath.Component) throws(OCIError) {
        guard let status = try status(of: name) else { return }
        guard status.kind == .directory else { return try remove(name) }
        try removeContents(of: directory(name))
        try remove(name, isDirectory: true)
    }

    /// Empties a directory. One descriptor per level would let a deep tree exhaust the table, and recursion the stack: the
    /// way up is `..`, which is safe as long as nobody moves directories of the tree meanwhile.
    private func removeContents(of top: Directory) throws(OCIError) {
        var current = top
        var path: [(name: FilePath.Component, rest: [FilePath.Component])] = []
        var directories = try current.removeFiles()
        while true {
            if let next = directories.popLast() {
                path.append((next, directories))
                current = try current.directory(next)
                directories = try current.removeFiles()
            } else if let (name, rest) = path.popLast() {
                current = try current.parent()
                try current.remove(name, isDirectory: true)
                directories = rest
            } else {
                return
            }
        }
    }

    /// Removes everything but the directories, and says which there are.
    private func removeFiles() throws(OCIError) -> [FilePath.Component] {
        var directories: [FilePath.Component] = []
        for name in try names() {
            if try status(of: name)?.kind == .directory { directories.append(name) } else { try remove(name) }
        }
        return directories
    }

    private func parent() throws(OCIError) -> Directory { try directory(FilePath.Component("..")) }
}
