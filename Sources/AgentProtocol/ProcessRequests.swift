/// Sends a signal. To a process that has ended it is a failure with ESRCH.
public struct SendSignal: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.signal

    /// One that was made; ENOENT else.
    public var container: ContainerNumber
    /// Which of its processes; ESRCH where it has ended.
    public var process: ProcessNumber
    /// A signal number of Linux, 1 to 64; EINVAL else.
    public var signal: UInt32
    /// To every process of the container; `process` is then of no meaning.
    public var all: Bool

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(
        container: ContainerNumber, process: ProcessNumber = .initial, signal: UInt32, all: Bool = false
    ) {
        self.container = container
        self.process = process
        self.signal = signal
        self.all = all
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.container(container)
        encoder.process(process)
        encoder.integer(signal)
        encoder.flag(all)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.container()
        process = try decoder.process()
        signal = try decoder.integer()
        all = try decoder.flag("all")
    }
}

/// Changes the size of a process's terminal; a failure with ENOTTY where it has none.
public struct ResizeTerminal: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.resizeTerminal

    /// One that was made; ENOENT else.
    public var container: ContainerNumber
    /// Which of its processes; ESRCH where it has ended.
    public var process: ProcessNumber
    /// The new size.
    public var size: WindowSize

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(container: ContainerNumber, process: ProcessNumber = .initial, size: WindowSize) {
        self.container = container
        self.process = process
        self.size = size
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.container(container)
        encoder.process(process)
        size.encode(into: &encoder)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.container()
        process = try decoder.process()
        size = try WindowSize(decoding: &decoder)
    }
}

/// The ids, in the guest's first process namespace, of all processes of a container.
public struct ListProcesses: Request, Equatable {
    public typealias Reply = ProcessList
    public static let type = MessageType.listProcesses

    /// One that was made; ENOENT else.
    public var container: ContainerNumber

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(container: ContainerNumber) { self.container = container }
    public func encode(into encoder: inout MessageEncoder) { encoder.container(container) }
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) { container = try decoder.container() }
}

/// Processes of a container.
public struct ProcessList: Message, Equatable {
    public static let type = MessageType.processList

    /// In the kernel's order; at most `Limits.processes`.
    public var processIDs: [UInt32]

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(processIDs: [UInt32]) { self.processIDs = processIDs }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.list(processIDs, "processes", atMost: Limits.processes) { $0.integer($1) }
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        processIDs = try decoder.list("processes", atMost: Limits.processes) { d throws(ProtocolError) in
            try d.integer()
        }
    }
}
