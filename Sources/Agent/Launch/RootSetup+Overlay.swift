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
            layers.append(try open(layer, for: "/"))
            if layers.count > 1 { lower += ":" }
            lower += "/proc/self/fd/\(layers[layers.count - 1].rawValue)"
        }
        let data = "lowerdir=\(lower),upperdir=\(directory)/upper,workdir=\(directory)/work,metacopy=on"
        try check(
            Kernel.mount("overlay", on: directory + "/root", type: "overlay", data: data), .rootFileSystem,
            "mount the overlay of \(root.layers.count) layers")
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
