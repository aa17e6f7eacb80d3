import Glibc
import LinuxSystem
import SystemPackage

extension ImageStore {
    enum Subdirectory: String {
        case root = ""
        case names, sources, tmp
    }

    func path(_ directory: Subdirectory) -> FilePath { directory == .root ? root : root.appending(directory.rawValue) }

    /// One of the store's directories; nil when nothing has been imported yet.
    func existing(_ directory: Subdirectory) throws(OCIError) -> Directory? {
        guard try Directory.status(ofPath: path(directory).string) != nil else { return nil }
        return try Directory(opening: path(directory).string)
    }

    /// One of the store's directories, made if it is missing. Nobody but root may look into the store: it holds files of
    /// every owner and mode, for a moment even device files.
    func directory(_ directory: Subdirectory) throws(OCIError) -> Directory {
        try Self.makeDirectories(root)
        if directory != .root { try Self.makeDirectory(path(directory).string, mode: 0o700) }
        return try Directory(opening: path(directory).string)
    }

    private static func makeDirectories(_ path: FilePath) throws(OCIError) {
        var made = FilePath("/")
        for component in path.components.dropLast() {
            made.append(component)
            try makeDirectory(made.string, mode: 0o755)
        }
        try makeDirectory(path.string, mode: 0o700)
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

extension ImageStore {
    static func makeDirectory(_ path: String, mode: mode_t) throws(OCIError) {
        // SAFETY: the path is a NUL-terminated string for the length of the call.
        guard unsafe mkdir(path, mode) == 0 || errno == EEXIST else {
            throw .system(SystemError("make the directory \(path)", Errno(rawValue: errno)))
        }
    }

    /// A path of the host's without links and without `..`.
    static func canonicalPath(_ path: String) throws(OCIError) -> String {
        // SAFETY: realpath(3) allocates the text, NUL-terminated, and it is freed here.
        guard let resolved = unsafe realpath(path, nil) else {
            throw .system(SystemError("find \(quoted(path))", Errno(rawValue: errno)))
        }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }
}
