/// The root directory of a container, and the only way to what lies in it: whatever links the container or its image has
/// put on the way, no path leads out of it, and none of /proc's magic links, which would, is followed (openat2(2)).
struct ContainerRoot {
    /// Open until the process executes its program, or closes all that it has.
    let directory: Int32

    /// The root of the process, which is in the container's mount namespace. Its descriptor has this number or a higher
    /// one.
    init(lowest: Int32 = 3) throws(Failure) {
        let raw = Kernel.open("/", OpenFlag.path | OpenFlag.directory)
        let root = Descriptor(taking: try check(raw, .rootFileSystem, "open the container's root"))
        let copy = TemplateKernel.duplicate(root.rawValue, from: lowest)
        directory = try check(copy, .rootFileSystem, "duplicate a descriptor")
    }

    /// A descriptor, or a negative errno value.
    func open(_ path: CString, _ flags: Int32, mode: UInt32 = 0) -> Int32 {
        Kernel.openWithin(directory, path, flags, mode: mode, asRoot: true)
    }

    func open(_ path: String, _ flags: Int32, mode: UInt32 = 0) -> Int32 {
        open(CString(path), flags, mode: mode)
    }

    /// The directory in which a path lies, made where it is missing, and the path's last name.
    func makeParent(of path: CString, _ step: Step) throws(Failure) -> (directory: Descriptor, name: CString) {
        var bytes = path.bytes
        while bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        let slash = bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0
        let name = CString([UInt8](bytes[slash...].drop { $0 == UInt8(ascii: "/") }))
        return (try makeDirectory(CString([UInt8](bytes[..<slash])), step), name)
    }

    /// The working directory, which may be made.
    func enter(_ path: CString, makes: Bool) throws(Failure) {
        let step = Step.workingDirectory
        let raw = open(path, OpenFlag.path | OpenFlag.directory)
        let target: Descriptor
        if raw == -ErrorNumber.noEntry && makes {
            target = try makeDirectory(path, step)
        } else {
            target = Descriptor(taking: try check(raw, step, "enter \(path.description) in the container"))
        }
        try check(Kernel.changeDirectory(to: target.rawValue), step, "enter \(path.description)")
    }

    /// A device of the container's /dev. What an image has put in its place is not taken for it.
    func openDevice(_ path: String, _ device: DeviceNumber, _ flags: Int32, _ step: Step) throws(Failure) -> Descriptor
    {
        // By the path alone at first: to open something else could have effects.
        let raw = open(path, OpenFlag.path | OpenFlag.noFollow)
        let found = Descriptor(taking: try check(raw, step, "find \(path) in the container"))
        guard Kernel.isDevice(found.rawValue, device) else {
            let text = "use \(path) of the container: it is not the device \(device.major):\(device.minor)"
            throw Failure(code: ErrorNumber.invalid, step: step, text: text)
        }
        if flags & OpenFlag.path != 0 { return found }
        let file = Descriptor(taking: try check(open(path, flags | OpenFlag.noFollow), step, "open \(path)"))
        guard Kernel.isDevice(file.rawValue, device) else {
            let text = "use \(path) of the container: it changes"
            throw Failure(code: ErrorNumber.invalid, step: step, text: text)
        }
        return file
    }

    static let null = DeviceNumber(major: 1, minor: 3)
}
