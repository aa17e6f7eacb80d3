// The first process of a container makes its root: everything is mounted in its own mount namespace, so all of it goes
// with the last process.

/// Folders of the agent's.
enum Folder {
    static let state = "/run/czone-agent"
    /// Where a container's first process puts its root together. In its own mount namespace: all use the same.
    static let container = state + "/container"

    static func image(_ device: UInt32) -> String { "\(state)/images/\(device)" }
    static func share(_ tag: String) -> String { "\(state)/shares/\(tag)" }
}

extension ChildProcess {
    mutating func enterRoot(
        of specification: ContainerSpecification, node: UInt32, zoneBytes: UInt64
    ) throws(Failure) {
        for control in specification.systemControls { try set(control) }
        if !specification.systemControls.isEmpty { stopwatch.lap(.sysctls) }
        try setNetworkAndNames(specification)
        try mountRoot(specification.root, node: node, zoneBytes: zoneBytes)
        stopwatch.lap(.rootFileSystem)
        let sources = try openSources(specification.mounts)
        // The new root is put below itself; the old one, then on top, goes away with all that is mounted in it.
        try check(Kernel.changeDirectory(Folder.container + "/root"), .pivot, "enter the container's root")
        try check(Kernel.pivotRootHere(), .pivot, "make the container's root the root")
        try check(Kernel.detachMount("."), .pivot, "leave the agent's root")
        try check(Kernel.changeDirectory("/"), .pivot, "enter the container's root")
        stopwatch.lap(.pivot)
        // Modes are meant as given.
        Kernel.setModeMask(0)
        // Before anything is mounted over the root: what the host puts in must not be written into a volume of its own.
        for file in specification.files { try write(file) }
        if !specification.files.isEmpty { stopwatch.lap(.files) }
        for (mount, tree) in zip(specification.mounts, sources) {
            try mountOne(mount, tree: tree, node: node)
        }
        stopwatch.lap(.mounts)
        try makeDevices()
        stopwatch.lap(.devices)
    }

    /// What is done last, when nothing has to be made any more.
    mutating func closeRoot(of specification: ContainerSpecification) throws(Failure) {
        stopwatch.restart()
        if specification.root.propagation != 0 {
            try check(
                Kernel.setPropagation("/", specification.root.propagation), .paths, "set the root's propagation")
        }
        // The working directory may have to be made.
        if specification.root.isReadOnly { try makeWorkingDirectory() }
        try restrictPaths(specification)
        if specification.root.isReadOnly {
            try check(
                Kernel.restrictMount(Kernel.here, "/", recursive: false, flags: MountFlag.readOnly), .paths,
                "make the root read-only")
        }
        stopwatch.lap(.paths)
    }

    /// Through the agent's /proc: what a namespace holds is looked up in the namespaces of who asks.
    private func set(_ control: SystemControl) throws(Failure) {
        var path = [UInt8]("/proc/sys/".utf8)
        for byte in control.name.utf8 { path.append(byte == UInt8(ascii: ".") ? UInt8(ascii: "/") : byte) }
        try writeValue(control.value, to: String(decoding: path, as: UTF8.self), .sysctls)
    }

    mutating func setNetworkAndNames(_ specification: ContainerSpecification) throws(Failure) {
        stopwatch.restart()
        if specification.namespaces.network == .new && !plan.hasLoopback {
            try check(Kernel.raiseLoopback(), .network, "raise the loopback interface")
        }
        if !specification.hostname.utf8.isEmpty {
            try check(
                Kernel.setHostName(specification.hostname), .network, "set host name \(specification.hostname)")
        }
        if !specification.domainName.utf8.isEmpty {
            try check(
                Kernel.setDomainName(specification.domainName), .network,
                "set domain name \(specification.domainName)")
        }
        stopwatch.lap(.network)
    }

    /// An overlay of the layers below a tmpfs in the zone.
    private func mountRoot(_ root: RootFileSystem, node: UInt32, zoneBytes: UInt64) throws(Failure) {
        var options = "mode=755"
        let size = root.writableBytes != 0 ? root.writableBytes : zoneBytes
        if size != 0 { options += ",size=\(size)" }
        options += zonePolicy(node)
        let folder = Folder.container
        try check(
            Kernel.mount("tmpfs", on: folder, type: "tmpfs", data: options), .rootFileSystem,
            "mount the writable layer, a tmpfs (\(options))")
        for name in ["/upper", "/work", "/root"] {
            try check(Kernel.makeDirectory(folder + name), .rootFileSystem, "make \(folder + name)")
        }
        var lower = ""
        var layers: [Descriptor] = []
        for layer in root.layers {
            // By descriptor: short, without characters that mean something in options, and no link leads elsewhere.
            layers.append(try open(layer, for: "/"))
            if layers.count > 1 { lower += ":" }
            lower += "/proc/self/fd/\(layers[layers.count - 1].rawValue)"
        }
        let data = "lowerdir=\(lower),upperdir=\(folder)/upper,workdir=\(folder)/work"
        try check(
            Kernel.mount("overlay", on: folder + "/root", type: "overlay", data: data), .rootFileSystem,
            "mount the overlay of \(root.layers.count) layers")
    }

    /// The memory policy of a tmpfs in a zone: also what others write into it stays there.
    func zonePolicy(_ node: UInt32) -> String { node == 0 ? "" : ",mpol=bind=static:\(node)" }

    private func write(_ file: InlineFile) throws(Failure) {
        try makeParent(of: file.path, .files)
        let flags = OpenFlag.write | OpenFlag.create | OpenFlag.truncate | OpenFlag.noFollow
        var raw = Kernel.openWithin(Kernel.here, file.path, flags, mode: file.mode)
        if raw == -ErrorNumber.tooManyLinks {
            _ = Kernel.unlink(file.path)
            raw = Kernel.openWithin(Kernel.here, file.path, flags, mode: file.mode)
        }
        let target = Descriptor(taking: try check(raw, .files, "make \(file.path)"))
        var rest = file.contents[...]
        while !rest.isEmpty {
            rest = rest.dropFirst(try check(Kernel.write(target.rawValue, rest), .files, "write \(file.path)"))
        }
        try check(Kernel.changeMode(target.rawValue, file.mode), .files, "set the mode of \(file.path)")
    }

    func makeParent(of path: String, _ step: Step) throws(Failure) {
        let bytes = [UInt8](path.utf8)
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")), slash > 0 else { return }
        try makeFolders(String(decoding: bytes[..<slash], as: UTF8.self), step)
    }

    /// Makes a folder and those above it.
    func makeFolders(_ path: String, _ step: Step) throws(Failure) {
        let result = Kernel.makeDirectory(path)
        if result == 0 || result == -ErrorNumber.exists { return }
        if result == -ErrorNumber.noEntry {
            try makeParent(of: path, step)
            let second = Kernel.makeDirectory(path)
            if second == 0 || second == -ErrorNumber.exists { return }
        }
        try check(result, step, "make \(path)")
    }

    func enterWorkingDirectory(makes: Bool) throws(Failure) {
        let path = process.workingDirectory
        var result = Kernel.changeDirectory(path)
        if result == -ErrorNumber.noEntry && makes {
            try makeWorkingDirectory()
            result = Kernel.changeDirectory(path)
        }
        try check(result, .workingDirectory, "enter \(path)")
    }

    private func makeWorkingDirectory() throws(Failure) {
        try makeFolders(process.workingDirectory, .workingDirectory)
    }
}
