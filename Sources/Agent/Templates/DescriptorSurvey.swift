/// Goes through the descriptors of a stopped process: what each is, and how it is made anew.
struct DescriptorSurvey {
    private let process: ContainerProcess
    private let mounts: MountTable
    private var known: [DescriptorRecipe] = []
    private var events: [(descriptor: Int32, identity: UInt64)] = []
    /// Copies of its sockets, to compare them with each other.
    private var sockets: [(descriptor: Int32, inode: UInt64, copy: Descriptor)] = []
    /// Unix sockets that are connected and have no other end yet.
    private var halves: [(descriptor: Int32, flags: DescriptorInformation, type: Int32, copy: Descriptor)] = []
    private var pairs: UInt64 = 0
    /// Ends of pipes by number: what there is of each.
    private var pipes: [(number: UInt64, reads: Bool, writes: Bool)] = []

    init(process: ContainerProcess, mounts: MountTable) {
        self.process = process
        self.mounts = mounts
    }

    mutating func add(_ number: Int32) throws(TemplateRefusal) {
        let link = TemplateKernel.link(at: "/proc/\(process.id)/fd/\(number)")
        let information = DescriptorInformation(process.id, number)
        if link.first == UInt8(ascii: "/") { return try addFile(number, link, information) }
        if let inode = link[...].number(in: "socket:[") { return try addSocket(number, inode, information) }
        if let inode = link[...].number(in: "pipe:[") { return try addPipe(number, inode, information) }
        let kind: DescriptorRecipe.Kind?
        if link[...].isExactly("anon_inode:[eventfd]") {
            let identity = information.text.number(after: "eventfd-id")
            if let other = events.first(where: { $0.identity == identity }) {
                return record(number, information, .duplicate(of: other.descriptor))
            }
            events.append((number, identity))
            kind = information.event
        } else if link[...].isExactly("anon_inode:[eventpoll]") {
            kind = information.poll
        } else if link[...].isExactly("anon_inode:[timerfd]") {
            kind = information.timer
        } else if link[...].isExactly("anon_inode:[signalfd]") {
            kind = information.signals
        } else {
            kind = nil
        }
        guard let kind else { throw refusal(number, link) }
        record(number, information, kind)
    }

    private mutating func record(
        _ number: Int32, _ information: DescriptorInformation, _ kind: DescriptorRecipe.Kind
    ) {
        known.append(
            DescriptorRecipe(
                descriptor: number, flags: information.flags, closesOnExecution: information.closesOnExecution,
                kind: kind))
    }

    private func refusal(_ number: Int32, _ link: [UInt8], _ why: String = "") -> TemplateRefusal {
        TemplateRefusal("its descriptor \(number) is \(String(decoding: link, as: UTF8.self))\(why)")
    }

    // MARK: files

    private mutating func addFile(
        _ number: Int32, _ link: [UInt8], _ information: DescriptorInformation
    ) throws(TemplateRefusal) {
        guard !link.isDeleted else { throw refusal(number, link) }
        let type = Kernel.mode("/proc/\(process.id)/fd/\(number)") & 0o170000
        let isFile = type == 0o100000
        let isDirectory = type == 0o040000
        let isDevice = type == 0o020000 && Self.devices.contains { link[...].isExactly($0) }
        let isOfKernel = isFile && (link[...].starts(with: "/proc/sys/") || link[...].starts(with: "/sys/"))
        let isOwn = (isFile || isDirectory) && mounts.isRoot(number: information.mount)
        guard isDevice || isOfKernel || isOwn else { throw refusal(number, link) }
        record(
            number, information,
            .file(path: String(decoding: link, as: UTF8.self), offset: isDevice ? 0 : information.offset))
    }

    private static let devices: [StaticString] = [
        "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
    ]

    // MARK: pipes

    private mutating func addPipe(
        _ number: Int32, _ inode: UInt64, _ information: DescriptorInformation
    ) throws(TemplateRefusal) {
        let isReading = information.flags & 3 == OpenFlag.read
        let raw = TemplateKernel.takeDescriptor(number, of: process.descriptor)
        guard raw >= 0 else { throw TemplateRefusal("its descriptor \(number) is a pipe: errno \(-raw)") }
        let copy = Descriptor(taking: raw)
        let isKnown = pipes.contains { $0.number == inode && $0.reads }
        guard let contents = isReading && !isKnown ? TemplateKernel.contents(ofPipe: copy.rawValue) : [] else {
            throw TemplateRefusal("its descriptor \(number) is a pipe with much in it")
        }
        if let index = pipes.firstIndex(where: { $0.number == inode }) {
            if isReading { pipes[index].reads = true } else { pipes[index].writes = true }
        } else {
            pipes.append((inode, isReading, !isReading))
        }
        record(number, information, .pipe(number: inode, isReading: isReading, contents: contents))
    }

    // MARK: sockets

    private mutating func addSocket(
        _ number: Int32, _ inode: UInt64, _ information: DescriptorInformation
    ) throws(TemplateRefusal) {
        if let other = sockets.first(where: { $0.inode == inode }) {
            return record(number, information, .duplicate(of: other.descriptor))
        }
        let raw = TemplateKernel.takeDescriptor(number, of: process.descriptor)
        guard raw >= 0 else { throw TemplateRefusal("its descriptor \(number) is a socket: errno \(-raw)") }
        let copy = Descriptor(taking: raw)
        sockets.append((number, inode, copy))
        guard let socket = TemplateKernel.describeSocket(raw) else {
            throw TemplateRefusal("its descriptor \(number) is a socket of an unknown kind")
        }
        if socket.isUnix && socket.isConnected {
            guard !socket.hasUnread else {
                throw TemplateRefusal("its descriptor \(number) is a socket with unread data")
            }
            return try addHalf(number, information, socket.type, copy)
        }
        guard socket.isInternet || socket.isUnix, !socket.isConnected, !socket.hasUnread else {
            throw TemplateRefusal("its descriptor \(number) is a connected socket")
        }
        record(number, information, .socket(socket))
    }

    /// One end of a pair: its other end has come before, or is to come.
    private mutating func addHalf(
        _ number: Int32, _ information: DescriptorInformation, _ type: Int32, _ copy: Descriptor
    ) throws(TemplateRefusal) {
        guard let index = halves.firstIndex(where: { TemplateKernel.arePaired($0.copy.rawValue, copy.rawValue) }) else {
            return halves.append((number, information, type, copy))
        }
        let other = halves.remove(at: index)
        pairs += 1
        record(other.descriptor, other.flags, .pair(number: pairs, type: type, isFirst: true))
        record(number, information, .pair(number: pairs, type: type, isFirst: false))
    }

    // MARK: the whole

    /// In the order in which they are to be made.
    func recipes() throws(TemplateRefusal) -> [DescriptorRecipe] {
        if let half = halves.first {
            throw TemplateRefusal("its descriptor \(half.descriptor) is a socket that is connected to another process")
        }
        if let pipe = pipes.first(where: { !$0.reads || !$0.writes }) {
            throw TemplateRefusal("it has one end of the pipe \(pipe.number), and another process the other")
        }
        for recipe in known {
            guard case .poll(let entries) = recipe.kind else { continue }
            for entry in entries where entry.descriptor > 2 {
                guard known.contains(where: { $0.descriptor == entry.descriptor }) else {
                    throw TemplateRefusal(
                        "its descriptor \(recipe.descriptor) watches \(entry.descriptor), which is closed")
                }
            }
        }
        return (0...2).flatMap { rank in known.filter { $0.rank == rank } }
    }
}

extension ArraySlice<UInt8> {
    func isExactly(_ text: StaticString) -> Bool { count == text.utf8CodeUnitCount && starts(with: text) }

    /// The number that follows this at the beginning.
    fileprivate func number(in prefix: StaticString) -> UInt64? {
        guard starts(with: prefix) else { return nil }
        return TextFile.number(in: dropFirst(prefix.utf8CodeUnitCount))
    }
}
