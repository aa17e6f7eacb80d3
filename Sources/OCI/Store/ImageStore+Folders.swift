import Glibc
import LinuxSystem
import SystemPackage

extension ImageStore {
    enum Folder: String {
        case root = ""
        case names, sources, tmp
    }

    func path(_ folder: Folder) -> FilePath { folder == .root ? root : root.appending(folder.rawValue) }

    /// One of the store's folders; nil when nothing has been imported yet.
    func existing(_ folder: Folder) throws(OCIError) -> Directory? {
        guard try Directory.status(ofPath: path(folder).string) != nil else { return nil }
        return try Directory(opening: path(folder).string)
    }

    /// One of the store's folders, made if it is missing. Nobody but root may look into the store: it holds files of
    /// every owner and mode, for a moment even device files.
    func folder(_ folder: Folder) throws(OCIError) -> Directory {
        try Self.makeFolders(root)
        if folder != .root { try Self.makeFolder(path(folder).string, mode: 0o700) }
        return try Directory(opening: path(folder).string)
    }

    private static func makeFolders(_ path: FilePath) throws(OCIError) {
        var made = FilePath("/")
        for component in path.components.dropLast() {
            made.append(component)
            try makeFolder(made.string, mode: 0o755)
        }
        try makeFolder(path.string, mode: 0o700)
    }

    func component(_ name: String) throws(OCIError) -> FilePath.Component {
        guard let component = FilePath.Component(name), component.kind == .regular else {
            throw .unsupported(what: "the name", value: name, expected: "a file's name")
        }
        return component
    }

    /// A small file's bytes; nil when there is none.
    static func content(ofPath path: String) throws(OCIError) -> [UInt8]? {
        do {
            let file = try OwnedDescriptor(opening: path, flags: O_RDONLY)
            return try file.read(exactly: Int(file.sizeInBytes()), at: 0)
        } catch {
            guard error.errno == .noSuchFileOrDirectory else { throw .system(error) }
            return nil
        }
    }
}
