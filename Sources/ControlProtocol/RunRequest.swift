public import AgentProtocol

/// Which descriptors travel with a request, in this order. Sockets and pipes are set non-blocking by the VM.
public struct PassedDescriptors: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A stream socket whose bytes become the process's standard input, and its end of file.
    public static let input = PassedDescriptors(rawValue: 1)
    /// A stream socket that gets the standard output; with a terminal, its output.
    public static let output = PassedDescriptors(rawValue: 2)
    /// A stream socket that gets the standard error; never with a terminal.
    public static let error = PassedDescriptors(rawValue: 4)
    /// A file that gets what the container prints, as CRI log lines (`TIME stdout F LINE`).
    public static let log = PassedDescriptors(rawValue: 8)
    /// A file that gets the `ExitRecord` when the container has ended.
    public static let exitRecord = PassedDescriptors(rawValue: 16)

    /// How many descriptors it names.
    public var count: Int { rawValue.nonzeroBitCount }
}

/// A container to run.
public struct RunRequest: Equatable, Sendable {
    /// The files of a container's log, which are written in turn: the first one comes with `descriptors`, the others behind
    /// the taps.
    public struct Log: Equatable, Sendable {
        /// The most files.
        static let maxFileCount: UInt8 = 8
        /// A file that is shorter has no room for a line, in bytes.
        static let minFileBytes: UInt64 = 32 << 10

        /// 1 to 8.
        public var fileCount: UInt8
        /// A file that would be longer is followed by the next one, which is emptied before; from 32 KiB on.
        public var maxFileBytes: UInt64

        /// By default one file of 64 MiB, which is emptied itself.
        public init(fileCount: UInt8 = 1, maxFileBytes: UInt64 = 64 << 20) {
            self.fileCount = fileCount
            self.maxFileBytes = maxFileBytes
        }
    }

    /// Unique on the host; the client's choice.
    public var id: String
    /// A multiple of 128 MiB, at most the VM's zone size; 0 for a container without a zone (a pod's pause).
    public var zoneSizeInBytes: UInt64
    /// What its zone may grow to by itself with what it uses; at most `zoneSizeInBytes`: it does not.
    public var maxZoneSizeInBytes: UInt64
    /// Its client receives each change of its zone's size (`ControlReply.zoneResized`).
    public var wantsZoneSizes: Bool
    /// Which descriptors come with the request.
    public var descriptors: PassedDescriptors
    /// The container ends when this connection does: a client in the foreground that is killed leaves nothing.
    public var endsWithConnection: Bool
    /// What the agent shall do. Container number, node, stream ports and interfaces' ports are the VM's to fill in.
    public var create: CreateContainer
    /// It may begin as a copy of its function's process template; nil: its program is executed.
    public var warmStart: WarmStart?
    /// Where there is one.
    public var log = Log()

    /// How many descriptors travel with the request: those of `descriptors`, then a tap for each interface of the
    /// specification, in their order (IFF_TAP, IFF_NO_PI, IFF_VNET_HDR of 12 bytes; offloads at most TUN_F_CSUM,
    /// TUN_F_TSO4, TUN_F_TSO6), then the further files of its log.
    public var descriptorCount: Int {
        descriptors.count + create.specification.interfaces.count
            + (descriptors.contains(.log) ? Int(log.fileCount) - 1 : 0)
    }

    public init(
        id: String, zoneSizeInBytes: UInt64, maxZoneSizeInBytes: UInt64 = 0, wantsZoneSizes: Bool = false,
        descriptors: PassedDescriptors, endsWithConnection: Bool, create: CreateContainer, warmStart: WarmStart? = nil
    ) {
        self.id = id
        self.zoneSizeInBytes = zoneSizeInBytes
        self.maxZoneSizeInBytes = maxZoneSizeInBytes
        self.wantsZoneSizes = wantsZoneSizes
        self.descriptors = descriptors
        self.endsWithConnection = endsWithConnection
        self.create = create
        self.warmStart = warmStart
    }

    func encode(into encoder: inout MessageEncoder) {
        encoder.name(id)
        encoder.integer(zoneSizeInBytes)
        encoder.integer(maxZoneSizeInBytes)
        encoder.flag(wantsZoneSizes)
        encoder.integer(descriptors.rawValue)
        encoder.flag(endsWithConnection)
        create.encode(into: &encoder)
        encoder.optional(warmStart) { $1.encode(into: &$0) }
        encoder.integer(log.fileCount)
        encoder.integer(log.maxFileBytes)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        id = try decoder.name()
        zoneSizeInBytes = try decoder.integer()
        maxZoneSizeInBytes = try decoder.integer()
        wantsZoneSizes = try decoder.flag("wants zone sizes")
        descriptors = PassedDescriptors(rawValue: try decoder.integer())
        endsWithConnection = try decoder.flag("ends with connection")
        create = try CreateContainer(decoding: &decoder)
        warmStart = try decoder.optional("warm start") { d throws(ProtocolError) in try WarmStart(decoding: &d) }
        log = Log(fileCount: try decoder.integer(), maxFileBytes: try decoder.integer())
        guard (1...Log.maxFileCount).contains(log.fileCount) else {
            throw .invalidValue(field: "files of a log", value: UInt64(log.fileCount))
        }
        guard log.maxFileBytes >= Log.minFileBytes else {
            throw .invalidValue(field: "size of a log's file", value: log.maxFileBytes)
        }
    }
}

/// A further process to run in a container.
public struct ExecuteRequest: Equatable, Sendable {
    /// The id of the container that it is executed in.
    public var container: String
    /// `input`, `output`, `error` only.
    public var descriptors: PassedDescriptors
    /// Whether it is killed when its caller's connection ends.
    public var endsWithConnection: Bool
    /// Container and process number and stream ports are the VM's to fill in.
    public var execute: Execute

    public init(container: String, descriptors: PassedDescriptors, endsWithConnection: Bool, execute: Execute) {
        self.container = container
        self.descriptors = descriptors
        self.endsWithConnection = endsWithConnection
        self.execute = execute
    }

    func encode(into encoder: inout MessageEncoder) {
        encoder.name(container)
        encoder.integer(descriptors.rawValue)
        encoder.flag(endsWithConnection)
        execute.encode(into: &encoder)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.name()
        descriptors = PassedDescriptors(rawValue: try decoder.integer())
        endsWithConnection = try decoder.flag("ends with connection")
        execute = try Execute(decoding: &decoder)
    }
}
