extension RootSetup {
    /// An overlay of the layers below a tmpfs in the zone.
    ///
    /// `metacopy=on`: a file of the image whose owner, mode or time changes is not copied into the zone. What that trusts,
    /// attributes in an upper layer that say where a file's data is, containers cannot write: through an overlay, those of
    /// its own name are other ones. And they name only files of these same layers.
    func mountRoot(_ root: RootFileSystem) throws(Failure) {
        let options =
            "mode=755\(sizeLimit(of: root)),nr_inodes=\(BaseMemory.maxOfContainer / Self.bytesPerInode)\(zonePolicy)"
        let directory = AgentDirectory.container
        try check(
            Kernel.mount("tmpfs", on: directory, type: "tmpfs", data: options), .rootFileSystem,
            "mount the writable layer, a tmpfs (\(options))")
        for name in ["/upper", "/work", "/root"] {
            try check(Kernel.makeDirectory(directory + name), .rootFileSystem, "make \(directory + name)")
        }
        var lower = ""
        var layers: [Descriptor] = []
        if let template { lower = AgentDirectory.template(template) + "/upper:" }
        for layer in root.layers {
            // By descriptor: short, without characters that mean something in options, and no link leads elsewhere.
            layers.append(try mapped(try open(layer, for: "/"), number: layers.count))
            if layers.count > 1 { lower += ":" }
            lower += "/proc/self/fd/\(layers[layers.count - 1].rawValue)"
        }
        if let users { try give(directory + "/upper", to: users) }
        let data = "lowerdir=\(lower),upperdir=\(directory)/upper,workdir=\(directory)/work,metacopy=on"
        try check(
            Kernel.mount("overlay", on: directory + "/root", type: "overlay", data: data), .rootFileSystem,
            "mount the overlay of \(root.layers.count) layers")
    }

    /// The root's owner is the container's root.
    private func give(_ directory: String, to users: UserNamespace) throws(Failure) {
        let raw = Kernel.open(directory, OpenFlag.directory)
        let upper = Descriptor(taking: try check(raw, .rootFileSystem, "open the upper layer"))
        let (user, group) = (users.mappings.user(0), users.mappings.group(0))
        try check(Kernel.changeOwner(upper.rawValue, user: user, group: group), .rootFileSystem, "own the upper layer")
    }

    /// A layer whose files belong to the users of the container's namespace. An overlay takes layers that are mounted in
    /// its own mount namespace only.
    private func mapped(_ layer: Descriptor, number: Int) throws(Failure) -> Descriptor {
        // A client may have made the layers for these users itself: containerd's remapped snapshots.
        guard let users, Kernel.owner(of: layer.rawValue) != Int(users.mappings.user(0)) else { return layer }
        let copy = Kernel.cloneTree(layer.rawValue, recursive: false)
        let tree = Descriptor(taking: try check(copy, .rootFileSystem, "copy a layer's mount"))
        try check(Kernel.mapMount(tree.rawValue, as: users.descriptor), .rootFileSystem, "map the owners of a layer")
        let path = AgentDirectory.container + "/layer\(number)"
        try check(Kernel.makeDirectory(path), .rootFileSystem, "make \(path)")
        let raw = Kernel.open(path, OpenFlag.path)
        let place = Descriptor(taking: try check(raw, .rootFileSystem, "open \(path)"))
        try check(Kernel.attachTree(tree.rawValue, to: place.rawValue), .rootFileSystem, "mount a layer")
        return Descriptor(taking: try check(Kernel.open(path, OpenFlag.path), .rootFileSystem, "open \(path)"))
    }

    /// What is written to the root has three quarters of the container's memory, where nothing else is said: a program
    /// that fills it gets an error, and has the rest for itself.
    private func sizeLimit(of root: RootFileSystem) -> String {
        if root.writableBytes != 0 { return ",size=\(root.writableBytes)" }
        let zone = zoneBytes != 0 ? zoneBytes : UInt64.max
        let memory = min(zone, specification.limits.memoryMax ?? .max)
        return memory == .max ? "" : ",size=\(memory / 4 * 3)"
    }

    /// A file's inode and names lie in base memory: about 1 KiB, of which a container has only so much (`BaseMemory`). It
    /// gets ENOSPC for another one before it is killed for it.
    private static let bytesPerInode: UInt64 = 1280
}
