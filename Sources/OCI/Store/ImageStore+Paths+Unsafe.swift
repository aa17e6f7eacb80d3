import Glibc
import LinuxSystem
import SystemPackage

extension ImageStore {
    static func makeFolder(_ path: String, mode: mode_t) throws(OCIError) {
        // SAFETY: the path is a NUL-terminated string for the length of the call.
        guard unsafe mkdir(path, mode) == 0 || errno == EEXIST else {
            throw .system(SystemError("make the folder \(path)", Errno(rawValue: errno)))
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
