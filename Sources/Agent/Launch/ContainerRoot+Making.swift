// What is missing in a container's root, made on the way to it.

extension ContainerRoot {
    /// A directory that is there, or is made with those above it.
    func makeDirectory(_ path: CString, _ step: Step) throws(Failure) -> Descriptor {
        try make(path, isDirectory: true, step)
    }

    /// What a path leads to, opened as O_PATH does; what is missing of it is made, the last an empty file or a directory.
    /// Links that lead to nothing are followed like others, so what they lead to is made: name by name, each opened in
    /// the directory before, so that nothing of it leads out of the root.
    func make(_ path: CString, isDirectory: Bool, _ step: Step) throws(Failure) -> Descriptor {
        let raw = open(path, OpenFlag.path)
        if raw != -ErrorNumber.noEntry {
            return Descriptor(taking: try check(raw, step, "open \(path.description) in the container"))
        }
        // Below the root, the innermost last.
        var above: [Descriptor] = []
        // The next one last.
        var names = Self.names(of: path.bytes)
        var links = 0
        while let name = names.popLast() {
            if name.bytes.elementsEqual("..".utf8) {
                _ = above.popLast()
                continue
            }
            let here = above.last?.rawValue ?? directory
            let found = try open(name, in: here, makes: names.isEmpty && !isDirectory ? .file : .directory, path, step)
            let mode = try check(Kernel.mode("", in: found.rawValue), step, "look at \(path.description)")
            guard mode & 0o170000 == 0o120000 else {
                above.append(found)
                continue
            }
            // What /proc's magic links lead to is no path: the kernel refuses them, and follows /proc's others.
            if Kernel.isOfProc(found.rawValue) {
                let raw = Kernel.openWithin(here, name, OpenFlag.path, asRoot: true)
                above.append(Descriptor(taking: try check(raw, step, "open \(path.description) in the container")))
                continue
            }
            links += 1
            let target = links > Self.maxLinks ? [] : TemplateKernel.link(at: "", in: found.rawValue)
            guard let first = target.first else {
                try check(-ErrorNumber.tooManyLinks, step, "follow the links of \(path.description)")
                continue
            }
            if first == UInt8(ascii: "/") { above.removeAll() }
            names += Self.names(of: target)
        }
        if let last = above.popLast() { return last }
        return Descriptor(taking: try check(open("/", OpenFlag.path), step, "open the container's root"))
    }

    /// As many links as Linux follows on the way of one path (MAXSYMLINKS).
    private static let maxLinks = 40

    private enum Missing { case file, directory }

    /// A name of a directory, which is made where it is missing; a link is opened itself.
    private func open(
        _ name: CString, in here: Int32, makes missing: Missing, _ path: CString, _ step: Step
    ) throws(Failure) -> Descriptor {
        let flags = OpenFlag.path | OpenFlag.noFollow
        var raw = Kernel.openWithin(here, name, flags)
        if raw == -ErrorNumber.noEntry {
            var made: Int32
            switch missing {
            case .directory: made = Kernel.makeDirectory(name, in: here)
            case .file:
                let create = OpenFlag.write | OpenFlag.create | OpenFlag.exclusive | OpenFlag.noFollow
                made = Kernel.openWithin(here, name, create, mode: 0o644)
                if made >= 0 { Kernel.close(made) }
            }
            if made != -ErrorNumber.exists { try check(made, step, "make \(path.description) in the container") }
            raw = Kernel.openWithin(here, name, flags)
        }
        return Descriptor(taking: try check(raw, step, "open \(path.description) in the container"))
    }

    /// The names of a path, the first one last.
    private static func names(of path: [UInt8]) -> [CString] {
        var names: [CString] = []
        for name in path.split(separator: UInt8(ascii: "/")).reversed() where !name.elementsEqual(".".utf8) {
            names.append(CString([UInt8](name)))
        }
        return names
    }
}
