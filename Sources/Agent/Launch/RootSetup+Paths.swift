extension RootSetup {
    /// OCI's default devices and links (runtime specification, "Default Devices", "Dev symbolic links"). What an image
    /// or a mount has put there already stays.
    func makeDevices(in root: ContainerRoot) throws(Failure) {
        let directory = try root.makeDirectory("/dev", .devices)
        let devices: [(name: String, number: DeviceNumber)] = [
            ("null", ContainerRoot.null), ("zero", DeviceNumber(major: 1, minor: 5)),
            ("full", DeviceNumber(major: 1, minor: 7)), ("random", DeviceNumber(major: 1, minor: 8)),
            ("urandom", DeviceNumber(major: 1, minor: 9)), ("tty", DeviceNumber(major: 5, minor: 0)),
        ]
        for device in devices {
            let result = Kernel.makeDevice(device.name, in: directory.rawValue, mode: 0o666, device.number)
            if result != -ErrorNumber.exists { try check(result, .devices, "make /dev/\(device.name)") }
        }
        let links = [
            ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx"),
        ]
        for (name, target) in links {
            let result = Kernel.makeLink(to: target, at: name, in: directory.rawValue)
            if result != -ErrorNumber.exists { try check(result, .devices, "make /dev/\(name)") }
        }
    }

    /// The terminal is the container's /dev/console too.
    func mountConsole(_ slave: Descriptor, in root: ContainerRoot) throws(Failure) {
        let copy = Kernel.cloneTree(slave.rawValue, recursive: false)
        let tree = Descriptor(taking: try check(copy, .terminal, "copy the terminal's mount"))
        let target = try openDestination("/dev/console", isDirectory: false, in: root)
        try check(Kernel.attachTree(tree.rawValue, to: target.rawValue), .terminal, "mount /dev/console")
    }

    /// Masked paths get something empty over them, read-only ones themselves. What is not there needs neither. All by
    /// descriptors: what was found is what is covered, and the cover is what it should be.
    func restrictPaths(in root: ContainerRoot) throws(Failure) {
        for path in specification.readOnlyPaths {
            guard let target = try find(path, in: root) else { continue }
            let tree = try copy(of: target, recursive: true, for: path)
            try check(
                Kernel.restrictMount(tree.rawValue, recursive: true, flags: MountFlag.readOnly), .paths,
                "make \(path) read-only")
            try check(Kernel.attachTree(tree.rawValue, to: target.rawValue), .paths, "mount \(path) on itself")
        }
        var null: Descriptor?
        var emptyDirectory: Descriptor?
        for path in specification.maskedPaths {
            guard let target = try find(path, in: root) else { continue }
            let mode = try check(Kernel.mode("", in: target.rawValue), .paths, "look at \(path)")
            if mode & 0o170000 != 0o040000 {
                if null == nil {
                    null = try root.openDevice("/dev/null", ContainerRoot.null, OpenFlag.path, .paths)
                }
                if let null { try cover(target, with: null, path) }
            } else if let emptyDirectory {
                try cover(target, with: emptyDirectory, path)
            } else {
                try check(Kernel.changeDirectory(to: target.rawValue), .paths, "enter \(path)")
                let result = Kernel.mount("tmpfs", on: ".", type: "tmpfs", flags: MountFlag.readOnly)
                try check(result, .paths, "mask \(path)")
                try check(Kernel.changeDirectory("/"), .paths, "enter /")
                emptyDirectory = try find(path, in: root)
            }
        }
    }

    private func find(_ path: String, in root: ContainerRoot) throws(Failure) -> Descriptor? {
        let raw = root.open(path, OpenFlag.path)
        return raw == -ErrorNumber.noEntry ? nil : Descriptor(taking: try check(raw, .paths, "find \(path)"))
    }

    private func copy(of mount: Descriptor, recursive: Bool, for path: String) throws(Failure) -> Descriptor {
        let copy = Kernel.cloneTree(mount.rawValue, recursive: recursive)
        return Descriptor(taking: try check(copy, .paths, "copy the mount for \(path)"))
    }

    private func cover(_ target: Descriptor, with source: Descriptor, _ path: String) throws(Failure) {
        let tree = try copy(of: source, recursive: false, for: path)
        try check(Kernel.attachTree(tree.rawValue, to: target.rawValue), .paths, "mask \(path)")
    }
}
