import Events
import LinuxSystem
import Logging
import Logs
import NIOCore
import NIOPosix
import SandboxProtocol
import Synchronization

/// A function's way to compiled code, and what has become of its events. Any thread may use it; its lock is held alone.
final class FunctionAcceleration: Sendable {
    private struct State {
        var definition: FunctionDefinition
        var stage: AccelerationState
        /// Of definitions: what was begun for an earlier one comes to nothing.
        var version: UInt64 = 0
        var shape = HandlerEvent.Shape.handle
        var report: Compilation.Report?
        var process: SandboxProcess?
        var totals = AccelerationTotals()
    }

    private let settings: AccelerationSettings
    private let state: Mutex<State>
    private let clock: @Sendable () -> Int64

    init(
        _ definition: FunctionDefinition, _ settings: AccelerationSettings,
        clock: @escaping @Sendable () -> Int64 = { Int64(MonotonicClock.nanoseconds / 1_000_000) }
    ) {
        self.settings = settings
        self.clock = clock
        state = Mutex(State(definition: definition, stage: Self.begin(definition, settings)))
    }

    private static func begin(_ definition: FunctionDefinition, _ settings: AccelerationSettings) -> AccelerationState {
        guard definition.acceleration != .off else { return AccelerationState(.off) }
        do {
            _ = try settings.programs()
            return AccelerationState(definition.acceleration)
        } catch {
            Log.logger.warning("\(definition.name) is not accelerated: \(error)")
            return AccelerationState(definition.acceleration, missing: "\(error)")
        }
    }

    /// A new version: what the old one has serves its events to their end.
    func change(_ definition: FunctionDefinition) {
        let stage = Self.begin(definition, settings)
        let (former, version) = state.withLock { state in
            defer { (state.process, state.version) = (nil, state.version + 1) }
            (state.definition, state.stage, state.report) = (definition, stage, nil)
            return (state.process, state.version)
        }
        end(former, definition, version)
    }

    /// The function is removed, or the gateway ends.
    func close() {
        let (former, definition, version) = state.withLock { state in
            defer { (state.process, state.version) = (nil, state.version + 1) }
            state.stage = AccelerationState(.off)
            return (state.process, state.definition, state.version)
        }
        end(former, definition, version)
    }

    /// - Parameter version: whose code nobody will load any more; nil: it may be.
    private func end(_ process: SandboxProcess?, _ definition: FunctionDefinition, _ version: UInt64? = nil) {
        process?.end(within: .milliseconds(definition.timeoutInMilliseconds))
        guard let version else { return }
        let path = Compilation.module("\(settings.directory)/\(definition.name)", version)
        settings.threads.submit { _ in try? FileSystem.removeFile(path) }
    }

    var snapshot: AccelerationSnapshot {
        state.withLock { state in
            AccelerationSnapshot(
                definition: state.definition, stage: state.stage.stage, trips: state.stage.breaker.trips,
                report: state.report, process: state.process?.id, totals: state.totals)
        }
    }

    // MARK: Containers

    /// A container begins: whether it traces.
    func begins(_ container: UInt64, of definition: FunctionDefinition) -> Bool {
        state.withLock { state in
            // One of an earlier definition that is about to end traces nothing.
            definition.hasSameContainers(as: state.definition) && state.stage.containerBegins(container)
        }
    }

    func noteEnd(of container: UInt64) { state.withLock { $0.stage.containerEnds(container) } }

    func noteEvent(of container: UInt64) -> AccelerationState.TraceTime {
        state.withLock { $0.stage.eventEnds(in: container) }
    }

    func wantsTrace(of container: UInt64) -> Bool { state.withLock { $0.stage.wantsTrace(of: container) } }

    /// A container could not be asked for its trace: it is one as any other, and the next traces.
    func noteNoTrace(of container: UInt64) { noteEnd(of: container) }

    /// A container's trace: it is compiled.
    func take(_ trace: [UInt8], of container: UInt64, _ shape: HandlerEvent.Shape) {
        let version = state.withLock { state -> UInt64? in
            guard state.stage.traced(by: container) else { return nil }
            state.shape = shape
            return state.version
        }
        guard let version else { return }
        settings.threads.submit { [self] _ in compile(trace, version) }
    }

    // MARK: Compiled code

    private var directory: String { "\(settings.directory)/\(state.withLock { $0.definition.name })" }

    /// Blocks.
    private func compile(_ trace: [UInt8], _ version: UInt64) {
        let result = Result {
            guard !trace.isEmpty else { throw Compilation.Failure(description: "its module cannot be read by acorn") }
            return try Compilation(programs: settings.programs(), directory: directory, version: version).run(trace)
        }
        let action = state.withLock { state -> AccelerationState.Action in
            guard state.version == version else { return .nothing }
            state.totals.compilations += 1
            switch result {
            case .success(let report):
                state.report = report
                return state.stage.compiled()
            case .failure(let error):
                state.stage.failed("\(error)")
                return .nothing
            }
        }
        switch result {
        case .success(let report): log("compiled: \(report.codeBytes) bytes of code of \(report.path)")
        case .failure(let error): log("not compiled: \(error)")
        }
        if action == .startSandbox { startSandbox(version) }
    }

    /// Blocks.
    private func startSandbox(_ version: UInt64) {
        do {
            let programs = try settings.programs()
            let name = state.withLock { $0.definition.name }
            let process = try SandboxProcess.start(
                programs, module: Compilation.module(directory, version), jail: try settings.jail?(),
                error: try settings.logs.stream(of: name, "stderr", "sandbox"),
                on: settings.group
            ) { [weak self] in self?.noteSandboxEnd(version) }
            let isWanted = state.withLock { state in
                guard state.version == version, state.stage.stage == .sandbox else { return false }
                state.process = process
                return true
            }
            if !isWanted { process.end(within: .zero) }
        } catch {
            log("no sandbox: \(error)")
            noteSandboxEnd(version)
        }
    }

    private func noteSandboxEnd(_ version: UInt64) {
        let now = clock()
        let wasServing = state.withLock { state in
            guard state.version == version, state.stage.stage == .sandbox else { return false }
            state.process = nil
            state.totals.restarts += 1
            state.stage.sandboxEnded(at: now)
            return true
        }
        if wasServing { log("its sandbox has ended, and is started again") }
    }

    /// The connection of an event loop to the sandbox, and what its handler's arguments are; nil: containers have the events.
    func sandbox(on eventLoop: any NIOCore.EventLoop) -> (FrameHandler, HandlerEvent.Shape)? {
        let found = state.withLock { state in
            state.stage.stage == .sandbox ? state.process.map { ($0, state.shape) } : nil
        }
        guard let (process, shape) = found, let handler = process.handler(on: eventLoop) else { return nil }
        return (handler, shape)
    }

    /// Called every second: whether new containers are wanted, of which one traces.
    func tick() -> Bool {
        let now = clock()
        let (action, version) = state.withLock { ($0.stage.tick(at: now), $0.version) }
        if action == .startSandbox { settings.threads.submit { [self] _ in startSandbox(version) } }
        return action == .renewContainers
    }

    // MARK: Events

    /// An event was answered.
    func note(_ mode: EventRun.Mode) { state.withLock { $0.totals.events[mode, default: 0] += 1 } }

    /// An event has come to its end in the sandbox.
    func noteServed() {
        let now = clock()
        state.withLock { $0.stage.noteServed(at: now) }
    }

    /// An event that the sandbox has answered was asked of a container.
    ///
    /// - Parameters:
    ///   - served: the sandbox's result.
    ///   - found: the container's; nil, or failed: the container had none of it.
    ///   - differences: calls that one of them has made, and the other has not.
    func compare(_ served: [UInt8], with found: Result<[UInt8], any Error>?, _ differences: Int) {
        var description = ""
        switch found {
        case .success(let result) where result == served && differences == 0: break
        case .success(let result) where result == served: description = "\(differences) external calls"
        case .success(let result):
            func shown(_ text: [UInt8]) -> String { String(decoding: text.dropFirst().prefix(256), as: UTF8.self) }
            description = "\(shown(served)) in the sandbox, \(shown(result)) in a container"
        case .failure(GatewayError.threw): description = "the container has thrown an exception"
        case .failure, nil: return
        }
        state.withLock { state in
            state.totals.verified += 1
            if !description.isEmpty { state.totals.differences += 1 }
        }
        if !description.isEmpty { log("compiled code differs: \(description)") }
    }

    func noteAbort(_ reason: String, site: Int) {
        let now = clock()
        let (ended, definition) = state.withLock { state -> (SandboxProcess?, FunctionDefinition) in
            let place = state.report?.place(site) ?? ""
            state.totals.note(reason, place)
            guard state.stage.noteAbort(place.isEmpty ? reason : "\(reason) at \(place)", at: now) == .endSandbox else {
                return (nil, state.definition)
            }
            defer { state.process = nil }
            return (state.process, state.definition)
        }
        guard let ended else { return }
        log("too many events are aborted; containers have them: `czone function show` says where")
        end(ended, definition)
    }

    // MARK: The function's log

    func log(_ line: String) {
        let name = state.withLock { $0.definition.name }
        settings.logs.write(printable(line, atMost: 4096), of: name, "stderr", "czone")
    }

    /// What a handler has printed in the sandbox.
    func note(log lines: [SandboxFrame.LogLine]) {
        guard !lines.isEmpty else { return }
        let name = state.withLock { $0.definition.name }
        for line in lines {
            settings.logs.write(
                String(decoding: line.text, as: UTF8.self), of: name, line.stream == 2 ? "stderr" : "stdout", "sandbox")
        }
    }
}
