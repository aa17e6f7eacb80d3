/// What a new process reports to the agent while it sets itself up, in packets: a kind, then its contents.
enum LaunchReport {
    /// Set up; what is left is to execute the program. The time of that and the timings follow, and the terminal comes
    /// along.
    static let ready: UInt8 = 1
    /// A `Failure` follows; the process ends.
    static let failed: UInt8 = 2
    /// It is no copy of its template, and executes its program: the reason follows.
    static let refused: UInt8 = 3
    /// Of a template: its writable layer comes along, a mount that is attached nowhere.
    static let layer: UInt8 = 4
}

/// A process between its clone and the execution of its program. The child's end of the channel closes by itself when
/// the program is executed, which is how success is known.
final class Launch {
    /// The request that waits: for the process being ready, or executing. nil between `CreateContainer` and
    /// `StartContainer`.
    var caller: Caller?
    /// Whether the program is executed as soon as the process is ready.
    let executesAtOnce: Bool
    /// The agent's end of the channel, and the streams, once the process is there.
    private var running: (channel: Descriptor, streams: ProcessStreams)?
    /// Why it fails: what the child reported, or that it reported nothing in time.
    var failure: Failure?
    /// Until when the child must execute its program, or be reaped; none while a created container waits for its start.
    var deadline: PollLoop.Deadline?
    /// Whether its request was answered although the child was not reaped.
    var isGivenUp = false
    /// Why the process is no copy of a template.
    var refusal = ""
    var isReady = false
    /// Whether `CreateContainer` was answered: then the container stays, whatever becomes of its process.
    var wasCreated: Bool { isReady && !executesAtOnce }
    var timer: StepTimer

    init(caller: Caller, executesAtOnce: Bool, timer: StepTimer) {
        self.caller = caller
        self.executesAtOnce = executesAtOnce
        self.timer = timer
    }

    /// The process was cloned.
    func begin(channel: Descriptor, streams: ProcessStreams) { running = (channel, streams) }

    /// The channel's descriptor; −1 before the process is there.
    var channel: Int32 { running?.channel.rawValue ?? -1 }

    /// Connects the streams to the host; the connections are made while the process sets itself up.
    func connectStreams(over transport: StreamTransport) throws(Failure) {
        try running?.streams.connect(over: transport)
    }

    /// Begins to carry the streams: from and to pipes at once, a terminal's when it is there. What carries them.
    func startPumps(
        loop: PollLoop, terminal: Descriptor?, ended: @escaping () -> Void
    ) -> (input: Pump?, outputs: [Pump]) {
        guard running?.streams.isTerminal == (terminal != nil) else { return (nil, []) }
        return running?.streams.startPumps(loop: loop, terminal: terminal, ended: ended) ?? (nil, [])
    }
}
