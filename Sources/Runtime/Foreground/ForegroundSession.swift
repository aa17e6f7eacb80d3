public import ControlProtocol
import Glibc
import LinuxSystem

/// A process in a container that this process stands for: its streams are ours, and so are its signals and its end.
public final class ForegroundSession {
    /// How it ended.
    public enum Outcome {
        case exited(ExitRecord)
        /// It never ran.
        case refused(Refusal)
        /// The VM is gone, and nobody knows.
        case virtualMachineEnded
        /// This signal came before it ran; it will not.
        case interrupted(CInt)
    }

    /// What is passed on to the container; the terminal's size is a case of its own.
    private static let passedSignals = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2]

    private let connection: ControlConnection
    /// Whose answers are about the process: the one that made its container, and the one that started it, if that was
    /// another.
    private let requests: Set<UInt32>
    private let input: OwnedDescriptor?
    private let container: String
    private let signals: SignalDescriptor
    private var terminal: RawTerminal?
    private let wantsTerminal: Bool
    private var process: UInt32?
    /// Until the process runs.
    private var watch: AnswerWatch
    private var outcome: Outcome?
    private var pumps: [OutputPump]
    private var running: [OutputPump] = []
    /// Called as soon as the process runs.
    public var onStart: (Started) -> Void = { _ in }

    /// From here on the signals that are passed on do not end this process any more.
    ///
    /// - `request`: the number that the VM's answers about this process bear.
    /// - `terminal`: whether this process's terminal becomes the other's.
    public init(
        connection: ControlConnection, request: UInt32, startRequest: UInt32? = nil, container: String,
        streams: StreamEnds, terminal: Bool
    ) throws(RuntimeError) {
        self.connection = connection
        requests = Set([request] + [startRequest].compactMap { $0 })
        self.container = container
        input = streams.input
        wantsTerminal = terminal
        watch = AnswerWatch(connection.timeouts)
        (signals, pumps) = try system { () throws(SystemError) in
            // A reader that goes away shows as an error of the write, not as this process's end.
            let signals = try SignalDescriptor(Self.passedSignals + [SIGWINCH, SIGPIPE])
            var pumps = [try OutputPump(from: streams.output, to: StandardStream.output.descriptor)]
            if let error = streams.error {
                pumps.append(try OutputPump(from: error, to: StandardStream.error.descriptor))
            }
            return (signals, pumps)
        }
    }

    /// Stays until the process has ended and all that it printed is written.
    /// - Throws: `.silent` where the VM does not answer before the process runs. Then it is as long as the process.
    public func run() throws(RuntimeError) -> Outcome {
        defer { terminal = nil }
        // What has come together with the answer before is not announced by the socket any more.
        try handleReceived()
        while true {
            if let outcome, pumps.isEmpty, running.isEmpty { return outcome }
            try step()
        }
    }

    private func step() throws(RuntimeError) {
        var interests: [(OwnedDescriptor, Readiness)] = [(signals.descriptor, .readable)]
        interests += pumps.map { ($0.socket, .readable) }
        interests += running.map { ($0.finished.descriptor, .readable) }
        if outcome == nil { interests.append((connection.socket, .readable)) }
        let patience = process == nil && outcome == nil ? watch.patience : -1
        let ready = try system { () throws(SystemError) in
            try wait(for: interests, timeoutInMilliseconds: patience)
        }
        if patience >= 0, ready.allSatisfy({ $0.isEmpty }) { try connection.check(&watch) }
        if !ready[0].isEmpty { handleSignals() }
        let (first, rest) = (Array(pumps.enumerated()), Array(running.enumerated()))
        for (index, pump) in first where !ready[1 + index].isEmpty { try start(pump) }
        for (index, pump) in rest where !ready[1 + first.count + index].isEmpty { running.removeAll { $0 === pump } }
        if outcome == nil, let last = ready.last, !last.isEmpty { try handleAnswers() }
    }

    private func start(_ pump: OutputPump) throws(RuntimeError) {
        pumps.removeAll { $0 === pump }
        let piece = pump.readFirst()
        guard !piece.isEmpty else { return }
        try system { () throws(SystemError) in try pump.start(with: piece) }
        running.append(pump)
    }

    private func handleAnswers() throws(RuntimeError) {
        watch.heard()
        guard try connection.fill() else {
            outcome = .virtualMachineEnded
            return
        }
        try handleReceived()
    }

    private func handleReceived() throws(RuntimeError) {
        while let frame = try connection.nextReceived() {
            guard requests.contains(frame.request) else { continue }
            switch frame.content {
            case .started(let started): try handle(started)
            case .exited(let record): outcome = .exited(record)
            case .refused(let refusal): outcome = .refused(refusal)
            default: break
            }
        }
    }

    private func handle(_ started: Started) throws(RuntimeError) {
        process = started.process
        onStart(started)
        if wantsTerminal {
            terminal = try system { () throws(SystemError) in try RawTerminal() }
            passSize()
        }
        if let input {
            try system { () throws(SystemError) in
                try InputPump.start(from: StandardStream.input.descriptor, to: input)
            }
        }
    }

    private func handleSignals() {
        while let signal = signals.next() {
            if signal == SIGWINCH { passSize() }
            guard Self.passedSignals.contains(signal) else { continue }
            // It has ended, and its last words find no reader: then the signal is meant for us.
            if outcome != nil {
                pumps = []
                running = []
            } else if process != nil {
                pass(signal)
            } else {
                // The VM gives up what nobody waits for any more.
                connection.socket.endConnection()
                outcome = .interrupted(signal)
                pumps = []
            }
        }
    }

    // Where the VM is gone, its end is noticed by the answers that end.
    private func pass(_ signal: CInt) {
        guard let process else { return }
        _ = try? connection.send(.signal(container: container, process: process, signal: UInt32(signal), all: false))
    }

    private func passSize() {
        guard wantsTerminal, let process, let size = Terminal(StandardStream.input.descriptor)?.size else { return }
        _ = try? connection.send(
            .resizeTerminal(container: container, process: process, rows: size.rows, columns: size.columns))
    }
}

/// This process's terminal in raw mode, for as long as it lives.
final class RawTerminal {
    private let terminal: Terminal
    private let settings: Terminal.Settings

    /// Nil where the standard input is no terminal.
    init?() throws(SystemError) {
        guard let terminal = Terminal(StandardStream.input.descriptor) else { return nil }
        self.terminal = terminal
        settings = try terminal.settings()
        try terminal.makeRaw()
    }

    deinit { terminal.restore(settings) }
}
