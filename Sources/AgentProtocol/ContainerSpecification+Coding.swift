extension ContainerSpecification {
    func encode(into encoder: inout MessageEncoder) {
        root.encode(into: &encoder)
        encoder.list(mounts, "mounts", atMost: Limits.mounts) { $1.encode(into: &$0) }
        encoder.list(files, "files", atMost: Limits.mounts) { $1.encode(into: &$0) }
        namespaces.encode(into: &encoder)
        encoder.text(hostname, "host name", atMost: Limits.name)
        encoder.text(domainName, "domain name", atMost: Limits.name)
        encoder.texts(maskedPaths, "masked paths", atMost: Limits.mounts, each: Limits.path)
        encoder.texts(readOnlyPaths, "read-only paths", atMost: Limits.mounts, each: Limits.path)
        encoder.list(systemControls, "sysctls", atMost: Limits.mounts) { encoder, control in
            encoder.text(control.name, "sysctl name", atMost: Limits.name)
            encoder.text(control.value, "sysctl value", atMost: Limits.text)
        }
        limits.encode(into: &encoder)
        process.encode(into: &encoder)
        encoder.list(interfaces, "interfaces", atMost: NetworkLimits.interfaces) { $1.encode(into: &$0) }
        userMappings.encode(into: &encoder)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        root = try RootFileSystem(decoding: &decoder)
        mounts = try decoder.list("mounts", atMost: Limits.mounts) { d throws(ProtocolError) in
            try Mount(decoding: &d)
        }
        files = try decoder.list("files", atMost: Limits.mounts) { d throws(ProtocolError) in
            try InlineFile(decoding: &d)
        }
        namespaces = try Namespaces(decoding: &decoder)
        hostname = try decoder.text("host name", atMost: Limits.name)
        domainName = try decoder.text("domain name", atMost: Limits.name)
        maskedPaths = try decoder.texts("masked paths", atMost: Limits.mounts, each: Limits.path)
        readOnlyPaths = try decoder.texts("read-only paths", atMost: Limits.mounts, each: Limits.path)
        systemControls = try decoder.list("sysctls", atMost: Limits.mounts) { d throws(ProtocolError) in
            SystemControl(
                name: try d.text("sysctl name", atMost: Limits.name),
                value: try d.text("sysctl value", atMost: Limits.text))
        }
        limits = try ResourceLimits(decoding: &decoder)
        process = try ProcessSpecification(decoding: &decoder)
        interfaces = try decoder.list("interfaces", atMost: NetworkLimits.interfaces) { d throws(ProtocolError) in
            try NetworkInterface(decoding: &d)
        }
        userMappings = try UserMappings(decoding: &decoder)
    }
}

extension Tree {
    func encode(into encoder: inout MessageEncoder) {
        switch self {
        case .image(let device):
            encoder.integer(UInt8(0))
            encoder.integer(device)
        case .share(let tag, let path):
            encoder.integer(UInt8(1))
            encoder.text(tag, "share tag", atMost: Limits.name)
            encoder.text(path, "path", atMost: Limits.path)
        case .guest(let path):
            encoder.integer(UInt8(2))
            encoder.text(path, "path", atMost: Limits.path)
        }
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        let kind: UInt8 = try decoder.integer()
        switch kind {
        case 0: self = .image(device: try decoder.integer())
        case 1:
            self = .share(
                tag: try decoder.text("share tag", atMost: Limits.name),
                path: try decoder.text("path", atMost: Limits.path))
        case 2: self = .guest(path: try decoder.text("path", atMost: Limits.path))
        default: throw .invalidValue(field: "tree", value: UInt64(kind))
        }
    }
}

extension RootFileSystem {
    func encode(into encoder: inout MessageEncoder) {
        encoder.list(layers, "layers", atMost: Limits.layers) { $1.encode(into: &$0) }
        encoder.integer(writableBytes)
        encoder.flag(isReadOnly)
        encoder.integer(propagation)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        layers = try decoder.list("layers", atMost: Limits.layers) { d throws(ProtocolError) in
            try Tree(decoding: &d)
        }
        writableBytes = try decoder.integer()
        isReadOnly = try decoder.flag("read-only root")
        propagation = try decoder.integer()
    }
}

extension Mount {
    func encode(into encoder: inout MessageEncoder) {
        switch source {
        case .fileSystem(let type, let name):
            encoder.integer(UInt8(0))
            encoder.text(type, "file system type", atMost: Limits.name)
            encoder.text(name, "mount source", atMost: Limits.path)
        case .bind(let tree, let recursive):
            encoder.integer(UInt8(recursive ? 2 : 1))
            tree.encode(into: &encoder)
        case .itself: encoder.integer(UInt8(3))
        }
        encoder.string(destination, "mount destination", atMost: Limits.path)
        encoder.integer(flags)
        encoder.integer(propagation)
        encoder.text(data, "mount options", atMost: Limits.text)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        let kind: UInt8 = try decoder.integer()
        switch kind {
        case 0:
            source = .fileSystem(
                type: try decoder.text("file system type", atMost: Limits.name),
                name: try decoder.text("mount source", atMost: Limits.path))
        case 1, 2: source = .bind(try Tree(decoding: &decoder), recursive: kind == 2)
        case 3: source = .itself
        default: throw .invalidValue(field: "mount kind", value: UInt64(kind))
        }
        destination = try decoder.string("mount destination", atMost: Limits.path)
        flags = try decoder.integer()
        propagation = try decoder.integer()
        data = try decoder.text("mount options", atMost: Limits.text)
    }
}

extension InlineFile {
    func encode(into encoder: inout MessageEncoder) {
        encoder.text(path, "file path", atMost: Limits.path)
        encoder.integer(mode)
        encoder.blob(contents, "file contents", atMost: Limits.fileContents)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        path = try decoder.text("file path", atMost: Limits.path)
        mode = try decoder.integer()
        contents = try decoder.blob("file contents", atMost: Limits.fileContents)
    }
}

extension NamespaceChoice {
    func encode(into encoder: inout MessageEncoder) {
        switch self {
        case .new: encoder.integer(UInt8(0))
        case .guest: encoder.integer(UInt8(1))
        case .container(let number):
            encoder.integer(UInt8(2))
            encoder.container(number)
        }
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        let kind: UInt8 = try decoder.integer()
        switch kind {
        case 0: self = .new
        case 1: self = .guest
        case 2: self = .container(try decoder.container())
        default: throw .invalidValue(field: "namespace", value: UInt64(kind))
        }
    }
}

extension Namespaces {
    func encode(into encoder: inout MessageEncoder) {
        process.encode(into: &encoder)
        network.encode(into: &encoder)
        ipc.encode(into: &encoder)
        hostName.encode(into: &encoder)
        controlGroup.encode(into: &encoder)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        process = try NamespaceChoice(decoding: &decoder)
        network = try NamespaceChoice(decoding: &decoder)
        ipc = try NamespaceChoice(decoding: &decoder)
        hostName = try NamespaceChoice(decoding: &decoder)
        controlGroup = try NamespaceChoice(decoding: &decoder)
    }
}

extension ResourceLimits {
    /// Appends them, field by field.
    public func encode(into encoder: inout MessageEncoder) {
        encoder.optional(memoryMax) { $0.integer($1) }
        encoder.optional(memoryHigh) { $0.integer($1) }
        encoder.optional(memoryLow) { $0.integer($1) }
        encoder.optional(memoryMin) { $0.integer($1) }
        encoder.optional(killsWhole) { $0.flag($1) }
        encoder.optional(processesMax) { $0.integer($1) }
        encoder.optional(cpuQuota) { $0.integer($1) }
        encoder.optional(cpuPeriod) { $0.integer($1) }
        encoder.optional(cpuBurst) { $0.integer($1) }
        encoder.optional(cpuWeight) { $0.integer($1) }
        encoder.optional(isIdle) { $0.flag($1) }
    }

    /// Takes them apart; every flag is checked.
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        memoryMax = try decoder.limit("memory.max")
        memoryHigh = try decoder.limit("memory.high")
        memoryLow = try decoder.limit("memory.low")
        memoryMin = try decoder.limit("memory.min")
        killsWhole = try decoder.choice("memory.oom.group")
        processesMax = try decoder.limit("pids.max")
        cpuQuota = try decoder.limit("cpu.max")
        cpuPeriod = try decoder.limit("cpu.max period")
        cpuBurst = try decoder.limit("cpu.max.burst")
        cpuWeight = try decoder.limit("cpu.weight")
        isIdle = try decoder.choice("cpu.idle")
    }
}

extension MessageDecoder {
    fileprivate mutating func limit(_ field: StaticString) throws(ProtocolError) -> UInt64? {
        try optional(field) { d throws(ProtocolError) in try d.integer() }
    }

    fileprivate mutating func choice(_ field: StaticString) throws(ProtocolError) -> Bool? {
        try optional(field) { d throws(ProtocolError) in try d.flag(field) }
    }
}
