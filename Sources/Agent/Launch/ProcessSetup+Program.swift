// The last step of a new process: from everything being set up to its program.

extension ProcessSetup {
    /// Becomes the program. Returns never but with a failure.
    func execute(_ program: String) throws(Failure) {
        if let filter = process.seccomp, process.noNewPrivileges { try install(filter) }
        let result = Kernel.execute(program, process.arguments, process.environment)
        try check(result, .execute, "execute \(program)")
    }

    func findProgram(in root: ContainerRoot) throws(Failure) -> String {
        guard let name = process.arguments.first, !name.utf8.isEmpty else {
            throw Failure(code: ErrorNumber.invalid, step: .execute, text: "execute a program without a name")
        }
        if name.utf8.contains(UInt8(ascii: "/")) {
            try executable(name, in: root)
            return name
        }
        var refused: Failure?
        for directory in searchPath.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: true) {
            let path = String(decoding: directory, as: UTF8.self) + "/" + name
            do throws(Failure) {
                try executable(path, in: root)
                return path
            } catch {
                // What may not be executed is reported only if nothing better is found.
                if error.exitCode == 126 { refused = error }
            }
        }
        if let refused { throw refused }
        throw Failure(code: ErrorNumber.noEntry, step: .execute, text: "find \(name) in the container's PATH")
    }

    private func executable(_ path: String, in root: ContainerRoot) throws(Failure) {
        let isAbsolute = path.utf8.first == UInt8(ascii: "/")
        // The process is in the container's root: there a path from the working directory ends, too.
        let raw = isAbsolute ? root.open(path, OpenFlag.path) : Kernel.openWithin(Kernel.here, path, OpenFlag.path)
        let file = Descriptor(taking: try check(raw, .execute, "find \(path)"))
        let mode = try check(Kernel.mode("", in: file.rawValue), .execute, "find \(path)")
        if mode & 0o170000 == 0o040000 {
            throw Failure(code: ErrorNumber.isDirectory, step: .execute, text: "execute \(path)")
        }
        try check(Kernel.mayExecute(file.rawValue), .execute, "execute \(path)")
    }

    private var searchPath: [UInt8] {
        for entry in process.environment {
            let bytes = [UInt8](entry.utf8)
            if bytes[...].starts(with: "PATH=") { return [UInt8](bytes.dropFirst(5)) }
        }
        return [UInt8]("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".utf8)
    }
}
