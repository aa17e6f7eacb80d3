/// Sends a signal. To a process that has ended it is a failure with ESRCH.
public struct SendSignal: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.signal

    public var container: ContainerNumber
    public var process: ProcessNumber
    public var signal: UInt32
    /// To every process of the container; `process` is then of no meaning.
    public var all: Bool

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

    public var container: ContainerNumber
    public var process: ProcessNumber
    public var size: WindowSize

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

/// Ends a process's standard input after what has arrived of it. To be sure that everything has, end the stream itself
/// instead. With a terminal: the connection only.
public struct CloseInput: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.closeInput

    public var container: ContainerNumber
    public var process: ProcessNumber

    public init(container: ContainerNumber, process: ProcessNumber = .initial) {
        self.container = container
        self.process = process
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.container(container)
        encoder.process(process)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.container()
        process = try decoder.process()
    }
}

/// The ids, in the guest's first process namespace, of all processes of a container.
public struct ListProcesses: Request, Equatable {
    public typealias Reply = ProcessList
    public static let type = MessageType.listProcesses

    public var container: ContainerNumber

    public init(container: ContainerNumber) { self.container = container }
    public func encode(into encoder: inout MessageEncoder) { encoder.container(container) }
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) { container = try decoder.container() }
}

public struct ProcessList: Message, Equatable {
    public static let type = MessageType.processList

    public var processIDs: [UInt32]

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
