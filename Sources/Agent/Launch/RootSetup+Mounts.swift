extension RootSetup {
    /// The sources of bind mounts, while the agent's root is still in reach: detached copies of their mounts. One entry
    /// for each mount; nil for a new file system.
    func openSources(_ mounts: [Mount]) throws(Failure) -> [Descriptor?] {
        var trees: [Descriptor?] = []
        for mount in mounts {
            guard case .bind(let tree, let recursive) = mount.source else {
                trees.append(nil)
                continue
            }
            let source = try open(tree, for: mount.destination)
            let copy = Kernel.cloneTree(source.rawValue, recursive: recursive)
            let text = "copy the mount for \(mount.destination.description)"
            let detached = Descriptor(taking: try check(copy, .mounts, text))
            if let users, mount.data.utf8.elementsEqual(Mount.mapsOwners.utf8) {
                try check(
                    Kernel.mapMount(detached.rawValue, as: users.descriptor), .mounts,
                    "map the owners of \(mount.destination.description)")
            }
            trees.append(detached)
        }
        return trees
    }

    /// A file or directory, to be mounted on this path of the container.
    func open(_ tree: Tree, for destination: CString) throws(Failure) -> Descriptor {
        let raw: Int32
        let text: String
        switch tree {
        case .image(let device):
            text = "image \(device)"
            raw = Kernel.open(AgentDirectory.image(device), OpenFlag.path)
        case .guest(let path):
            text = path
            raw = Kernel.open(path, OpenFlag.path)
        case .share(let tag, let path):
            text = "\(path) of share \(tag)"
            let root = Kernel.open(AgentDirectory.share(tag), OpenFlag.path | OpenFlag.directory)
            let share = Descriptor(taking: try check(root, .mounts, "open share \(tag)"))
            raw = Kernel.openWithin(share.rawValue, CString(path), OpenFlag.path, asRoot: true)
        }
        return Descriptor(taking: try check(raw, .mounts, "open \(text), to be mounted on \(destination.description)"))
    }

    func mountOne(_ mount: Mount, tree: Descriptor?, in root: ContainerRoot) throws(Failure) {
        if let tree {
            let mode = try check(
                Kernel.mode("", in: tree.rawValue), .mounts, "look at \(mount.destination.description)'s source")
            let isDirectory = mode & 0o170000 == 0o040000
            let target = try openDestination(mount.destination, isDirectory: isDirectory, in: root)
            try checkProc(target, mount.destination)
            let isRecursive = if case .bind(_, true) = mount.source { true } else { false }
            try check(
                Kernel.restrictMount(
                    tree.rawValue, recursive: isRecursive, flags: mount.flags, propagation: mount.propagation),
                .mounts, "restrict the mount on \(mount.destination.description)")
            try check(
                Kernel.attachTree(tree.rawValue, to: target.rawValue), .mounts,
                "mount on \(mount.destination.description)")
            return
        }
        guard case .fileSystem(let type, let name) = mount.source else {
            return try mountOnItself(mount.destination, in: root)
        }
        let target = try openDestination(mount.destination, isDirectory: true, in: root)
        if FileSystemType(type) != .proc { try checkProc(target, mount.destination) }
        // By the descriptor: a path could lead elsewhere when it is looked up again.
        try check(Kernel.changeDirectory(to: target.rawValue), .mounts, "enter \(mount.destination.description)")
        var data = users?.mappings.translated(mount.data) ?? mount.data
        if FileSystemType(type) == .tmpfs { data += data.utf8.isEmpty ? policyAlone : zonePolicy }
        guard FileSystemType(type) != .other else {
            let text = "mount \(type) on \(mount.destination.description): file system is not served"
            throw Failure(code: ErrorNumber.notSupported, step: .mounts, text: text)
        }
        try check(
            Kernel.mount(name, on: ".", type: type, flags: mount.flags, data: data), .mounts,
            "mount \(type) on \(mount.destination.description) (\(data))")
        try check(Kernel.changeDirectory("/"), .mounts, "enter /")
        if mount.propagation != 0 {
            let mounted = try openDestination(mount.destination, isDirectory: true, in: root)
            try check(
                Kernel.restrictMount(
                    mounted.rawValue, recursive: mount.propagation & MountFlag.recursive != 0, flags: 0,
                    propagation: mount.propagation),
                .mounts, "set the propagation of \(mount.destination.description)")
        }
    }

    private func mountOnItself(_ destination: CString, in root: ContainerRoot) throws(Failure) {
        let target = try openDestination(destination, isDirectory: true, in: root)
        try checkProc(target, destination)
        let copy = Kernel.cloneTree(target.rawValue, recursive: true)
        let tree = Descriptor(taking: try check(copy, .mounts, "copy the mount of \(destination.description)"))
        try check(
            Kernel.attachTree(tree.rawValue, to: target.rawValue), .mounts, "mount \(destination.description) on itself"
        )
    }

    /// What is in /proc shows and does what it says: nothing is mounted over it but reports about the machine, which some
    /// replace.
    private func checkProc(_ target: Descriptor, _ path: CString) throws(Failure) {
        guard Kernel.isOfProc(target.rawValue) else { return }
        guard !Self.replaceable.contains(where: { path.bytes[...].isExactly($0) }) else { return }
        let text = "mount on \(path.description): it lies in /proc"
        throw Failure(code: ErrorNumber.invalid, step: .mounts, text: text)
    }

    private static let replaceable: [StaticString] = [
        "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
        "/proc/loadavg", "/proc/slabinfo", "/proc/net/dev",
    ]

    private var policyAlone: String { node == 0 ? "" : "mpol=bind=static:\(node)" }

    private enum FileSystemType {
        case tmpfs, proc, served, other

        init(_ name: String) {
            let bytes = [UInt8](name.utf8)
            func isName(_ text: StaticString) -> Bool {
                bytes.count == text.utf8CodeUnitCount && bytes[...].starts(with: text)
            }
            if isName("tmpfs") {
                self = .tmpfs
            } else if isName("proc") {
                self = .proc
            } else if isName("sysfs") || isName("devpts") || isName("mqueue") || isName("cgroup2") {
                self = .served
            } else {
                self = .other
            }
        }
    }

    /// A mount point, made if it is missing.
    func openDestination(_ path: CString, isDirectory: Bool, in root: ContainerRoot) throws(Failure) -> Descriptor {
        try root.make(path, isDirectory: isDirectory, .mounts)
    }
}
