extension RootSetup {
    /// OCI's default devices and links (runtime specification, "Default Devices", "Dev symbolic links"). What an image
    /// or a mount has put there already stays.
    func makeDevices() throws(Failure) {
        try makeDirectories("/dev", .devices)
        let devices: [(path: String, major: UInt32, minor: UInt32)] = [
            ("/dev/null", 1, 3), ("/dev/zero", 1, 5), ("/dev/full", 1, 7), ("/dev/random", 1, 8),
            ("/dev/urandom", 1, 9), ("/dev/tty", 5, 0),
        ]
        for device in devices {
            let result = Kernel.makeDevice(device.path, mode: 0o666, major: device.major, minor: device.minor)
            if result != -ErrorNumber.exists { try check(result, .devices, "make \(device.path)") }
        }
        let links = [
            ("/dev/fd", "/proc/self/fd"), ("/dev/stdin", "/proc/self/fd/0"), ("/dev/stdout", "/proc/self/fd/1"),
            ("/dev/stderr", "/proc/self/fd/2"), ("/dev/ptmx", "pts/ptmx"),
        ]
        for (path, target) in links {
            let result = Kernel.makeLink(to: target, at: path)
            if result != -ErrorNumber.exists { try check(result, .devices, "make \(path)") }
        }
    }

    /// The terminal is the container's /dev/console too.
    func mountConsole(_ slave: Descriptor) throws(Failure) {
        let copy = Kernel.cloneTree(slave.rawValue, recursive: false)
        let tree = Descriptor(taking: try check(copy, .terminal, "copy the terminal's mount"))
        let target = try openDestination("/dev/console", isDirectory: false)
        try check(Kernel.attachTree(tree.rawValue, to: target.rawValue), .terminal, "mount /dev/console")
    }

    /// Masked paths get something empty over them, read-only ones themselves. What is not there needs neither.
    func restrictPaths() throws(Failure) {
        for path in specification.readOnlyPaths {
            let result = Kernel.mount(path, on: path, type: "", flags: MountFlag.bind | MountFlag.recursive)
            if result == -ErrorNumber.noEntry { continue }
            try check(result, .paths, "mount \(path) on itself")
            try check(
                Kernel.restrictMount(Kernel.here, path, recursive: true, flags: MountFlag.readOnly), .paths,
                "make \(path) read-only")
        }
        var emptyDirectory: String?
        for path in specification.maskedPaths {
            var result = Kernel.mount("/dev/null", on: path, type: "", flags: MountFlag.bind)
            if result == -ErrorNumber.notDirectory {
                if let emptyDirectory {
                    result = Kernel.mount(emptyDirectory, on: path, type: "", flags: MountFlag.bind)
                } else {
                    result = Kernel.mount("tmpfs", on: path, type: "tmpfs", flags: MountFlag.readOnly)
                    emptyDirectory = path
                }
            }
            if result != -ErrorNumber.noEntry { try check(result, .paths, "mask \(path)") }
        }
    }
}
