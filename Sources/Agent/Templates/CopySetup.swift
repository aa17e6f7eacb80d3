/// The last step of a process that becomes a copy of a template: its descriptors are made anew, then the kernel gives it
/// the template's memory and threads.
struct CopySetup {
    private let template: ProcessTemplate
    /// It is killed before its first instruction.
    private let isTrial: Bool
    /// To the agent. It gets another number on the way.
    private(set) var channel: Descriptor

    /// RLIMIT_NOFILE while descriptors are made, and as the kernel gives it to the first process (INR_OPEN_CUR,
    /// INR_OPEN_MAX), from which containers have it. In a copy it is the template's.
    private static let raised = ResourceLimit(resource: 7, soft: 8192, hard: 8192)
    private static let usual = ResourceLimit(resource: 7, soft: 1024, hard: 4096)

    init(template: ProcessTemplate, isTrial: Bool, channel: Descriptor) {
        self.template = template
        self.isTrial = isTrial
        self.channel = channel
    }

    /// Returns only where it cannot be: why. Then the process is as it was, with the descriptors of a plain start.
    mutating func run() -> String {
        do throws(Failure) {
            try becomeCopy()
            return ""
        } catch {
            Kernel.closeAll(but: [0, 1, 2, channel.rawValue])
            _ = Kernel.setLimit(Self.usual)
            return "cannot \(error.text): errno \(error.code)"
        }
    }

    private mutating func becomeCopy() throws(Failure) {
        try check(Kernel.setLimit(Self.raised), .limits, "allow for descriptors")
        // The process's own are above all that the template has, and go when it is a copy.
        let lowest = TemplateInspection.maxDescriptor + 1
        channel = Descriptor(taking: try duplicate(channel.rawValue, from: lowest))
        let root = try ContainerRoot(lowest: lowest)
        let device = try duplicate(template.device.rawValue, from: lowest)
        let program = root.open(template.executable, OpenFlag.read | OpenFlag.nonblocking)
        let executable = try duplicate(
            check(program, .execute, "open \(template.executable)"), from: lowest)
        var memory = MappedMemory(root: root, lowest: lowest)
        let mappings = try memory.replacements(of: template.mappings)
        // What the agent had open.
        Kernel.closeAll(but: ([0, 1, 2, channel.rawValue, root.directory, device, executable] + memory.files).sorted())
        var workshop = DescriptorWorkshop(root: root, lowest: lowest)
        for recipe in template.descriptors { try workshop.make(recipe) }
        try workshop.finish()
        try root.enter(template.workingDirectory, makes: false)
        Kernel.setModeMask(template.modeMask)
        let result = TemplateKernel.adopt(
            device, executable: executable, closingFrom: lowest, mappings, isTrial: isTrial)
        try check(result, .execute, "become a copy of \(template.container.description)")
    }

    private func duplicate(_ fd: Int32, from lowest: Int32) throws(Failure) -> Int32 {
        try check(TemplateKernel.duplicate(fd, from: lowest), .execute, "duplicate a descriptor")
    }
}

/// The files that a copy maps where its template has shared memory.
struct MappedMemory {
    private let root: ContainerRoot
    private let lowest: Int32
    /// One of each file.
    private(set) var files: [Int32] = []
    private var memory: [(inode: UInt64, file: Int32)] = []

    init(root: ContainerRoot, lowest: Int32) {
        self.root = root
        self.lowest = lowest
    }

    mutating func replacements(of mappings: [SharedMapping]) throws(Failure) -> [SharedMapping.Replacement] {
        var result: [SharedMapping.Replacement] = []
        for mapping in mappings {
            result.append(SharedMapping.Replacement(mapping: mapping, file: try file(for: mapping.file)))
        }
        return result
    }

    private mutating func file(for source: SharedMapping.File) throws(Failure) -> Int32 {
        switch source {
        case .path(let path):
            return try keep(root.open(path, OpenFlag.readWrite | OpenFlag.nonblocking), "open \(path), which is mapped")
        case .memory(let original, let inode, let size):
            if let known = memory.first(where: { $0.inode == inode }) { return known.file }
            let copy = try keep(TemplateKernel.makeMemoryFile(size: size), "make shared memory of \(size) bytes")
            try check(
                TemplateKernel.copyData(original.rawValue, to: copy, size: size), .execute,
                "copy \(size) bytes of shared memory")
            memory.append((inode, copy))
            return copy
        }
    }

    /// Out of the way of the template's numbers.
    private mutating func keep(_ raw: Int32, _ text: @autoclosure () -> String) throws(Failure) -> Int32 {
        let fd = Descriptor(taking: try check(raw, .execute, text()))
        let high = try check(TemplateKernel.duplicate(fd.rawValue, from: lowest), .execute, "duplicate a descriptor")
        files.append(high)
        return high
    }
}

/// Makes descriptors, each at its number.
struct DescriptorWorkshop {
    private let root: ContainerRoot
    private let lowest: Int32
    /// Both ends of pipes and pairs, until all that are wanted are placed.
    private var pipes: [(number: UInt64, reading: Int32, writing: Int32)] = []
    private var pairs: [(number: UInt64, first: Int32, second: Int32)] = []

    init(root: ContainerRoot, lowest: Int32) {
        self.root = root
        self.lowest = lowest
    }

    mutating func make(_ recipe: DescriptorRecipe) throws(Failure) {
        let source = try source(of: recipe)
        try check(
            TemplateKernel.place(source, at: recipe.descriptor, closesOnExecution: recipe.closesOnExecution), .execute,
            "place descriptor \(recipe.descriptor)")
        _ = TemplateKernel.setStatus(recipe.descriptor, recipe.flags)
        switch recipe.kind {
        case .pipe, .pair, .duplicate: break
        default: Kernel.close(source)
        }
    }

    /// What is to be at the recipe's number, at another one.
    private mutating func source(of recipe: DescriptorRecipe) throws(Failure) -> Int32 {
        switch recipe.kind {
        case .file(let path, let offset): return try file(path, offset, recipe)
        case .event(let count, let isSemaphore):
            return try high(TemplateKernel.makeEvent(count: count, isSemaphore: isSemaphore), "make an eventfd")
        case .poll(let entries):
            let poll = try high(Kernel.makePoll(), "make an epoll")
            for entry in entries {
                try check(
                    TemplateKernel.addToPoll(poll, entry.descriptor, events: entry.events, data: entry.data), .execute,
                    "watch descriptor \(entry.descriptor)")
            }
            return poll
        case .timer(let clock, let value, let interval):
            return try high(TemplateKernel.makeTimer(clock: clock, value: value, interval: interval), "make a timerfd")
        case .signals(let mask): return try high(TemplateKernel.makeSignalDescriptor(mask), "make a signalfd")
        case .socket(let description):
            return try high(TemplateKernel.makeSocket(description), "make a socket as it was")
        case .pipe(let number, let isReading, let contents):
            let end = try pipe(number, isReading)
            if !contents.isEmpty, let known = pipes.first(where: { $0.number == number }) {
                try check(Kernel.write(known.writing, contents[...]), .execute, "fill a pipe")
            }
            return end
        case .pair(let number, let type, let isFirst): return try pair(number, type, isFirst)
        case .duplicate(let other): return other
        }
    }

    private func file(_ path: String, _ offset: Int64, _ recipe: DescriptorRecipe) throws(Failure) -> Int32 {
        // Nothing that could make the process wait: what is there may be another kind of file by now.
        let raw = root.open(path, recipe.flags | OpenFlag.nonblocking)
        let file = try high(raw, "open \(path), which the template has open")
        if offset != 0 { try check(TemplateKernel.seek(file, to: offset), .execute, "go to \(offset) of \(path)") }
        return file
    }

    private mutating func pipe(_ number: UInt64, _ isReading: Bool) throws(Failure) -> Int32 {
        if let known = pipes.first(where: { $0.number == number }) {
            return isReading ? known.reading : known.writing
        }
        let ends = try Kernel.makePipe()
        let reading = try high(ends.reading)
        let writing = try high(ends.writing)
        pipes.append((number, reading, writing))
        return isReading ? reading : writing
    }

    private mutating func pair(_ number: UInt64, _ type: Int32, _ isFirst: Bool) throws(Failure) -> Int32 {
        if let known = pairs.first(where: { $0.number == number }) { return isFirst ? known.first : known.second }
        let ends = try TemplateKernel.makeSocketPair(type: type)
        let first = try high(ends.first)
        let second = try high(ends.second)
        pairs.append((number, first, second))
        return isFirst ? first : second
    }

    /// A new descriptor, out of the way of the template's numbers.
    private func high(_ raw: Int32, _ text: @autoclosure () -> String) throws(Failure) -> Int32 {
        try high(Descriptor(taking: try check(raw, .execute, text())))
    }

    private func high(_ descriptor: Descriptor) throws(Failure) -> Int32 {
        try check(TemplateKernel.duplicate(descriptor.rawValue, from: lowest), .execute, "duplicate a descriptor")
    }

    /// All are placed.
    mutating func finish() throws(Failure) {
        for pipe in pipes {
            Kernel.close(pipe.reading)
            Kernel.close(pipe.writing)
        }
        for pair in pairs {
            Kernel.close(pair.first)
            Kernel.close(pair.second)
        }
    }
}
