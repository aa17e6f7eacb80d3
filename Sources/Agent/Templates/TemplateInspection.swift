/// Why a process cannot be a template, by name.
struct TemplateRefusal: Error {
    let text: String
    init(_ text: String) { self.text = text }
}

/// Finds out what a stopped process has besides its memory and threads, and whether a copy can have the same. The process
/// is its container's only one and stands still; what it has named itself is text, and opened by nobody here.
struct TemplateInspection {
    /// A copy makes its own in front of descriptors that it is given, and has room for so many.
    static let maxDescriptor: Int32 = 1000
    private static let maxMappings = 200

    let container: GuestContainer
    let process: ContainerProcess
    private let mounts: MountTable
    private var directory: String { "/proc/\(process.id)" }

    init(container: GuestContainer, process: ContainerProcess) {
        self.container = container
        self.process = process
        mounts = MountTable(process.id)
    }

    /// Everything that a copy needs, or why there can be none.
    func makeTemplate() throws(TemplateRefusal) -> ProcessTemplate {
        let count = container.group.processIDs.count
        guard count == 1 else { throw TemplateRefusal("it has \(count - 1) other processes") }
        let mappings = try sharedMappings()
        let descriptors = try descriptors()
        let executable = try path(of: "exe", "its program")
        let workingDirectory = try path(of: "cwd", "its working directory")
        guard TemplateKernel.link(at: directory + "/root").count == 1 else {
            throw TemplateRefusal("it has changed its root")
        }
        let raw = Kernel.open("/dev/process-template", OpenFlag.readWrite)
        guard raw >= 0 else { throw TemplateRefusal("the guest's kernel has no process templates: errno \(-raw)") }
        let device = Descriptor(taking: raw)
        switch TemplateKernel.bindTemplate(raw, to: process.descriptor) {
        case .refused(let reason): throw TemplateRefusal(reason)
        case .failed(let result): throw TemplateRefusal("the kernel does not take it: errno \(-result)")
        case .bound(let threads):
            return ProcessTemplate(
                container: container.number, device: device, threads: threads, executable: executable,
                workingDirectory: CString(workingDirectory), modeMask: modeMask, descriptors: descriptors,
                mappings: mappings)
        }
    }

    private var modeMask: UInt32 {
        var mask: UInt32 = 0
        for byte in TextFile(directory + "/status").rest(after: "Umask").drop(while: { $0 == 0x20 || $0 == 0x09 }) {
            guard byte >= 0x30, byte <= 0x37 else { break }
            mask = mask << 3 | UInt32(byte - 0x30)
        }
        return mask
    }

    private func path(of link: String, _ what: String) throws(TemplateRefusal) -> String {
        let bytes = TemplateKernel.link(at: directory + "/" + link)
        guard bytes.first == UInt8(ascii: "/"), !bytes.isDeleted else {
            throw TemplateRefusal("\(what) is gone: \(String(decoding: bytes, as: UTF8.self))")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: memory

    private func sharedMappings() throws(TemplateRefusal) -> [SharedMapping] {
        var mappings: [SharedMapping] = []
        for line in TextFile(directory + "/maps", max: 4 << 20).bytes.split(separator: 0x0A) {
            guard let line = MapsLine(line), line.isShared else { continue }
            guard mappings.count < Self.maxMappings else { throw TemplateRefusal("it has too much shared memory") }
            if let mapping = try sharedMapping(line) { mappings.append(mapping) }
        }
        return mappings
    }

    private func sharedMapping(_ line: MapsLine) throws(TemplateRefusal) -> SharedMapping? {
        let name = String(decoding: line.path, as: UTF8.self)
        let raw = Kernel.open(
            "\(directory)/map_files/\(hexadecimal(line.start))-\(hexadecimal(line.end))", OpenFlag.readWrite)
        // Nobody can write to it by this mapping either.
        if raw < 0 && line.protection & 2 == 0 { return nil }
        guard raw >= 0 else { throw TemplateRefusal("it shares \(name): errno \(-raw)") }
        let file = Descriptor(taking: raw)
        let source: SharedMapping.File
        if line.path.starts(with: "/dev/zero (deleted)") || line.path.starts(with: "/memfd:") {
            let size = TemplateKernel.size(raw)
            guard size > 0 else { throw TemplateRefusal("it shares \(name), which is empty") }
            source = .memory(file, inode: line.inode, size: UInt64(size))
        } else if line.path.first == UInt8(ascii: "/"), ![UInt8](line.path).isDeleted, mounts.isRoot(line.path) {
            source = .path(name)
        } else {
            throw TemplateRefusal("it shares memory with others: \(name)")
        }
        return SharedMapping(
            start: line.start, length: line.end - line.start, offset: line.offset, protection: line.protection,
            file: source)
    }

    private func hexadecimal(_ value: UInt64) -> String { String(value, radix: 16) }

    // MARK: descriptors

    private func descriptors() throws(TemplateRefusal) -> [DescriptorRecipe] {
        let numbers = TemplateKernel.numbers(in: directory + "/fd", max: Int(Self.maxDescriptor) + 1).sorted()
        guard numbers.count <= Int(Self.maxDescriptor), (numbers.last ?? 0) < Self.maxDescriptor else {
            throw TemplateRefusal("it has descriptors above \(Self.maxDescriptor)")
        }
        var survey = DescriptorSurvey(process: process, mounts: mounts)
        for number in numbers where number > 2 { try survey.add(number) }
        return try survey.recipes()
    }
}

extension [UInt8] {
    /// As the kernel writes the name of a file that has none any more.
    var isDeleted: Bool {
        let ending: StaticString = " (deleted)"
        return count >= ending.utf8CodeUnitCount && self[(count - ending.utf8CodeUnitCount)...].starts(with: ending)
    }
}

/// What is mounted where for a process, as far as it matters whether a file lies on the container's root.
struct MountTable {
    /// The number of the root's mount, and those of all others by where they are.
    private var root: UInt64 = 0
    private var others: [ArraySlice<UInt8>] = []

    init(_ process: Int32) {
        for line in TextFile("/proc/\(process)/mountinfo", max: 1 << 20).bytes.split(separator: 0x0A) {
            // ID PARENT MAJOR:MINOR ROOT MOUNT-POINT …
            let words = line.split(separator: 0x20, maxSplits: 5)
            guard words.count == 6 else { continue }
            if words[4].count == 1 { root = TextFile.number(in: words[0]) } else { others.append(words[4]) }
        }
    }

    /// Whether a mount of this number is the root's.
    func isRoot(number: UInt64) -> Bool { number == root }

    /// Whether a path is of the root and of nothing that is mounted in it.
    func isRoot(_ path: ArraySlice<UInt8>) -> Bool {
        for point in others where path.starts(with: point) {
            if path.count == point.count || path[path.startIndex + point.count] == UInt8(ascii: "/") { return false }
        }
        return true
    }
}
