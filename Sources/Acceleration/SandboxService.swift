public import LinuxSystem
public import Sandbox
import SandboxProtocol
import SystemPackage
import TraceRuntime

/// Serves events of one function over the connections of a socket. Run by one thread, which all of it belongs to.
public final class SandboxService {
    private final class Connection {
        let descriptor: OwnedDescriptor
        var received: ArraySlice<UInt8> = []
        var unsent: ArraySlice<UInt8> = []
        var events: [UInt32: Activation] = [:]
        init(_ descriptor: OwnedDescriptor) { self.descriptor = descriptor }
    }

    private let module: SandboxModule
    /// nil: there are no connections but those that were given.
    private let listener: OwnedDescriptor?
    private let loop: EventLoop
    private var connections: [CInt: Connection] = [:]
    private let surroundings: Activation.Surroundings

    static let maxConnections = 64
    /// A client that reads no answers is left, with so many bytes for it.
    static let maxUnsent = 64 << 20

    /// - Parameters:
    ///   - module: the function.
    ///   - listener: a socket that listens; without one, the service ends with its last connection.
    ///   - connections: those that are there already.
    ///   - surroundings: where clock and random numbers come from.
    public init(
        _ module: SandboxModule, _ listener: OwnedDescriptor?, connections: [OwnedDescriptor] = [],
        surroundings: Activation.Surroundings = .host
    ) throws(SystemError) {
        self.module = module
        self.listener = listener
        self.surroundings = surroundings
        loop = try EventLoop()
        try listener?.setNonBlocking()
        for descriptor in connections { add(descriptor) }
    }

    /// Serves until its last connection has gone, where it does not listen.
    public func run() throws(SystemError) {
        if let listener { try loop.add(listener, for: .readable) { [unowned self] _ in accept() } }
        guard listener != nil || !connections.isEmpty else { return }
        try loop.run()
    }

    private func accept() {
        guard let descriptor = listener?.accept(), connections.count < Self.maxConnections else { return }
        add(descriptor)
    }

    private func add(_ descriptor: OwnedDescriptor) {
        guard (try? descriptor.setNonBlocking()) != nil else { return }
        let connection = Connection(descriptor)
        connections[descriptor.rawValue] = connection
        do {
            try loop.add(descriptor, for: .readable) { [unowned self] readiness in serve(connection, readiness) }
        } catch { close(connection) }
    }

    private func close(_ connection: Connection) {
        guard connections.removeValue(forKey: connection.descriptor.rawValue) != nil else { return }
        loop.remove(connection.descriptor)
        connection.events = [:]
        if listener == nil, connections.isEmpty { loop.stop() }
    }

    private func serve(_ connection: Connection, _ readiness: Readiness) {
        do {
            if readiness.contains(.readable) || readiness.contains(.hungUp) {
                let bytes = try connection.descriptor.read(atMost: 256 << 10)
                if bytes.isEmpty { return close(connection) }
                connection.received += bytes
                while let frame = try SandboxFrame.take(from: &connection.received, limit: SandboxFrame.maxRequest) {
                    try handle(frame, connection)
                }
            }
            try send(connection)
        } catch {
            if let error = error as? SystemError, error.errno == .wouldBlock { return }
            // It speaks another language, or has gone.
            close(connection)
        }
    }

    private func handle(_ frame: SandboxFrame, _ connection: Connection) throws {
        switch frame.kind {
        case .event:
            guard connection.events[frame.event] == nil else {
                throw FrameError("the event \(frame.event) twice", expected: "a number that is free")
            }
            guard let activation = try? Activation(module, surroundings: surroundings) else {
                return refuse(frame.event, Abort(reason: .memory, site: -1), .init(), connection)
            }
            connection.events[frame.event] = activation
            report(activation.start(frame.payload), frame.event, activation, hadResult: false, connection)
        case .answer:
            // An answer to an event that was aborted meanwhile has nobody to go to.
            guard let activation = connection.events[frame.event] else { return }
            let (call, answer) = try frame.externalAnswer()
            let hadResult = activation.journal.hasResult
            report(activation.resume(call, with: answer), frame.event, activation, hadResult: hadResult, connection)
        default: throw FrameError("a frame of kind \(frame.kind.rawValue)", expected: "an event or an answer")
        }
    }

    private func refuse(_ event: UInt32, _ abort: Abort, _ readings: SandboxFrame.Readings, _ connection: Connection) {
        add(SandboxFrame(event: event, kind: .abort, payload: SandboxFrame.payload(of: abort, readings)), connection)
    }

    private func report(
        _ progress: Activation.Progress, _ event: UInt32, _ activation: Activation, hadResult: Bool,
        _ connection: Connection
    ) {
        if activation.journal.hasResult, !hadResult {
            let text = activation.journal.result
            add(SandboxFrame(event: event, kind: .result, payload: [text == nil ? 0 : 1] + (text ?? [])), connection)
        }
        switch progress {
        case .waiting(let calls):
            for call in calls {
                add(SandboxFrame(event: event, kind: .call, payload: SandboxFrame.payload(of: call)), connection)
            }
            return
        case .finished:
            let readings = activation.journal.readings
            if !readings.isEmpty {
                add(
                    SandboxFrame(event: event, kind: .readings, payload: SandboxFrame.payload(of: readings)), connection
                )
            }
            let log = SandboxFrame.payload(of: activation.journal.log)
            add(SandboxFrame(event: event, kind: .end, payload: log), connection)
        case .aborted(let abort): refuse(event, abort, activation.journal.readings, connection)
        }
        connection.events[event] = nil
    }

    private func add(_ frame: SandboxFrame, _ connection: Connection) { connection.unsent += frame.encoded }

    private func send(_ connection: Connection) throws {
        guard !connection.unsent.isEmpty else { return }
        connection.unsent = connection.unsent.dropFirst(try sent(connection.unsent, connection.descriptor))
        guard connection.unsent.count <= Self.maxUnsent else {
            throw FrameError(
                "\(connection.unsent.count) bytes that nobody reads", expected: "at most \(Self.maxUnsent)")
        }
        try loop.modify(connection.descriptor, for: connection.unsent.isEmpty ? .readable : [.readable, .writable])
    }

    /// How many bytes a socket takes now.
    private func sent(_ bytes: ArraySlice<UInt8>, _ descriptor: OwnedDescriptor) throws(SystemError) -> Int {
        do throws(SystemError) { return try descriptor.send(some: bytes) } catch {
            if error.errno == .wouldBlock { return 0 }
            throw error
        }
    }
}
