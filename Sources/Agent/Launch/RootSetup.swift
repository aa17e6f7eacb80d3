/// The first process of a container makes its root: everything is mounted in its own mount namespace, so all of it goes
/// with the last process.
struct RootSetup {
    let specification: ContainerSpecification
    let workingDirectory: CString
    /// The NUMA node of its zone (0: none), and what is plugged of that in bytes.
    let node: UInt32
    let zoneBytes: UInt64
    /// The template whose writable layer is the root's lowest but the image's.
    let template: ContainerNumber?
    let users: UserNamespace?

    /// Makes the root and all that is mounted in it, and enters it. `keep` is called with the writable layer's directory
    /// while it is in reach.
    func enter(
        _ timer: inout StepTimer, keep: (String) throws(Failure) -> Void
    ) throws(Failure) -> ContainerRoot {
        try mountRoot(specification.root)
        // After the agent's own directories: what follows is in the container's root.
        try users?.own()
        try keep(AgentDirectory.container)
        timer.lap(.rootFileSystem)
        let sources = try openSources(specification.mounts)
        // The new root is put below itself; the old one, then on top, goes away with all that is mounted in it.
        try check(Kernel.changeDirectory(AgentDirectory.container + "/root"), .pivot, "enter the container's root")
        try check(Kernel.pivotRootHere(), .pivot, "make the container's root the root")
        try check(Kernel.detachMount("."), .pivot, "leave the agent's root")
        try check(Kernel.changeDirectory("/"), .pivot, "enter the container's root")
        let root = try ContainerRoot()
        timer.lap(.pivot)
        // Modes are meant as given.
        Kernel.setModeMask(0)
        // Before anything is mounted over the root: what the host puts in must not be written into a volume of its own.
        for file in specification.files { try write(file, in: root) }
        if !specification.files.isEmpty { timer.lap(.files) }
        for (mount, tree) in zip(specification.mounts, sources) {
            try mountOne(mount, tree: tree, in: root)
        }
        timer.lap(.mounts)
        try makeDevices(in: root)
        timer.lap(.devices)
        return root
    }

    /// What is done last, when nothing has to be made any more.
    func close(_ root: ContainerRoot, _ timer: inout StepTimer) throws(Failure) {
        timer.restart()
        if specification.root.propagation != 0 {
            try check(
                Kernel.setPropagation("/", specification.root.propagation), .paths, "set the root's propagation")
        }
        // The working directory may have to be made.
        if specification.root.isReadOnly { try root.enter(workingDirectory, makes: true) }
        try restrictPaths(in: root)
        if specification.root.isReadOnly {
            try check(
                Kernel.restrictMount(Kernel.here, "/", recursive: false, flags: MountFlag.readOnly), .paths,
                "make the root read-only")
        }
        timer.lap(.paths)
    }

    /// The memory policy of a tmpfs in a zone: also what others write into it stays there.
    var zonePolicy: String { node == 0 ? "" : ",mpol=bind=static:\(node)" }

    private func write(_ file: InlineFile, in root: ContainerRoot) throws(Failure) {
        let (parent, name) = try root.makeParent(of: CString(file.path), .files)
        // What the image has there may be a pipe without a reader, which would be waited for.
        let flags =
            OpenFlag.write | OpenFlag.create | OpenFlag.truncate | OpenFlag.noFollow | OpenFlag.nonblocking
        var raw = root.open(file.path, flags, mode: file.mode)
        if raw == -ErrorNumber.tooManyLinks {
            _ = Kernel.unlink(name, in: parent.rawValue)
            raw = root.open(file.path, flags, mode: file.mode)
        }
        let target = Descriptor(taking: try check(raw, .files, "make \(file.path)"))
        guard Kernel.mode("", in: target.rawValue) & 0o170000 == 0o100000 else {
            let text = "make \(file.path): the image has something there that is no file"
            throw Failure(code: ErrorNumber.exists, step: .files, text: text)
        }
        var rest = file.contents[...]
        while !rest.isEmpty {
            rest = rest.dropFirst(try check(Kernel.write(target.rawValue, rest), .files, "write \(file.path)"))
        }
        try check(Kernel.changeMode(target.rawValue, file.mode), .files, "set the mode of \(file.path)")
    }
}
