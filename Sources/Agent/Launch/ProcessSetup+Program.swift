// The last step of a new process: from everything being set up to its program.

extension ProcessSetup {
    /// Becomes the program. Returns never but with a failure.
    func execute(_ program: CString) throws(Failure) {
        if let filter = process.seccomp, process.noNewPrivileges { try install(filter) }
        let result = Kernel.execute(program, process.arguments, environment)
        try check(result, .execute, "execute \(program.description)")
    }

    /// As runc does, which clients rely on: HOME is what the container's accounts have for its user, where the
    /// specification does not say.
    mutating func setHome(in root: ContainerRoot) {
        var isSet = false
        environment.forEach { entry in
            isSet = entry.starts(with: "HOME=") && entry.count > 5
            return !isSet
        }
        guard !isSet else { return }
        var others = environment.filter { !$0.starts(with: "HOME=") }
        others.append([UInt8]("HOME=".utf8)[...] + Accounts(in: root).home(of: process.userID))
        environment = others
    }

    func findProgram(in root: ContainerRoot) throws(Failure) -> CString {
        guard let name = process.arguments.first, !name.bytes.isEmpty else {
            throw Failure(code: ErrorNumber.invalid, step: .execute, text: "execute a program without a name")
        }
        if name.bytes.contains(UInt8(ascii: "/")) {
            try executable(name, in: root)
            return name
        }
        var refused: Failure?
        for directory in searchPath.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: true) {
            let path = CString(directory + [UInt8(ascii: "/")] + name.bytes)
            do throws(Failure) {
                try executable(path, in: root)
                return path
            } catch {
                // What may not be executed is reported only if nothing better is found.
                if error.exitCode == 126 { refused = error }
            }
        }
        if let refused { throw refused }
        throw Failure(
            code: ErrorNumber.noEntry, step: .execute, text: "find \(name.description) in the container's PATH")
    }

    private func executable(_ path: CString, in root: ContainerRoot) throws(Failure) {
        let isAbsolute = path.bytes.first == UInt8(ascii: "/")
        // The process is in the container's root: there a path from the working directory ends, too.
        let raw = isAbsolute ? root.open(path, OpenFlag.path) : Kernel.openWithin(Kernel.here, path, OpenFlag.path)
        let file = Descriptor(taking: try check(raw, .execute, "find \(path.description)"))
        let mode = try check(Kernel.mode("", in: file.rawValue), .execute, "find \(path.description)")
        if mode & 0o170000 == 0o040000 {
            throw Failure(code: ErrorNumber.isDirectory, step: .execute, text: "execute \(path.description)")
        }
        try check(Kernel.mayExecute(file.rawValue), .execute, "execute \(path.description)")
    }

    private var searchPath: [UInt8] {
        var path = [UInt8]("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".utf8)
        environment.forEach { entry in
            guard entry.starts(with: "PATH=") else { return true }
            path = [UInt8](entry.dropFirst(5))
            return false
        }
        return path
    }
}
