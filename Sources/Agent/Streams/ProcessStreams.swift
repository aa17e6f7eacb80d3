/// The standard streams of a process that is about to be: the ends that it gets, and our own.
struct ProcessStreams {
    /// The process's; nil is /dev/null, or the terminal.
    private(set) var input: Descriptor?
    private(set) var output: Descriptor?
    private(set) var error: Descriptor?
    /// Ports and pipes to be carried between.
    private var inputEnd: (port: UInt32, pipe: Descriptor?)?
    private var outputEnds: [(port: UInt32, pipe: Descriptor?)] = []
    private var inputConnection: Descriptor?
    private var outputConnections: [Descriptor] = []
    let isTerminal: Bool

    init(_ specification: ProcessSpecification) throws(Failure) {
        isTerminal = specification.terminal != nil
        let streams = specification.streams
        if streams.input != 0 {
            let pipe = isTerminal ? nil : try Kernel.makePipe()
            input = pipe?.reading
            inputEnd = (streams.input, pipe?.writing)
        }
        if streams.output != 0 { output = try addOutput(streams.output) }
        if streams.error != 0 && !isTerminal { error = try addOutput(streams.error) }
    }

    private mutating func addOutput(_ port: UInt32) throws(Failure) -> Descriptor? {
        let pipe = isTerminal ? nil : try Kernel.makePipe()
        outputEnds.append((port, pipe?.reading))
        return pipe?.writing
    }

    /// Closes the process's ends here, it has its own copies, and begins the connections: they are made while the
    /// process sets itself up.
    mutating func connect(over transport: StreamTransport) throws(Failure) {
        input = nil
        output = nil
        error = nil
        if let inputEnd { inputConnection = try transport.connect(port: inputEnd.port) }
        for end in outputEnds { outputConnections.append(try transport.connect(port: end.port)) }
    }

    /// Carries between pipes, or a terminal now that it is there, and the connections, whose ends are the pumps' from
    /// now on.
    mutating func startPumps(
        loop: PollLoop, terminal: Descriptor?, ended: @escaping () -> Void
    ) -> (input: Pump?, outputs: [Pump]) {
        if let terminal { _ = Kernel.setNonblocking(terminal.rawValue) }
        var inputPump: Pump?
        var outputPumps: [Pump] = []
        if let connection = inputConnection, let sink = inputEnd?.pipe ?? copy(of: terminal) {
            inputPump = Pump(
                loop: loop, source: connection, sink: sink, connection: connection, isTerminal: isTerminal, ended: {})
        }
        for (connection, end) in zip(outputConnections, outputEnds) {
            guard let source = end.pipe ?? copy(of: terminal) else { continue }
            outputPumps.append(
                Pump(
                    loop: loop, source: source, sink: connection, connection: connection, isTerminal: isTerminal,
                    ended: ended))
        }
        (inputEnd, inputConnection, outputEnds, outputConnections) = (nil, nil, [], [])
        inputPump?.start()
        for pump in outputPumps { pump.start() }
        return (inputPump, outputPumps)
    }

    /// Each pump has a descriptor of its own to watch and to close.
    private func copy(of terminal: Descriptor?) -> Descriptor? {
        guard let terminal else { return nil }
        let copy = Kernel.duplicate(terminal.rawValue)
        return copy >= 0 ? Descriptor(taking: copy) : nil
    }
}
