import Events
import HTTPExchange
import LinuxSystem
import NIOCore
import SandboxProtocol

/// One event of a handler: in the sandbox where the function has one, in a container otherwise, and where the sandbox gives it
/// up in a container that is answered from its journal. On one event loop.
final class EventRun: FrameOwner {
    /// What has answered.
    enum Mode: String, Sendable, CaseIterable {
        case sandbox
        case container
        /// A container, after the sandbox had made calls.
        case replayed

        static let header = "CZone-Mode"
    }

    struct Outcome {
        /// A result's payload.
        let result: Result<[UInt8], any Error>
        /// nil: nothing had it.
        let mode: Mode?
    }

    private enum State {
        case sandbox(FrameHandler, UInt32)
        /// It was given up, and calls that are on their way are waited for.
        case settling
        /// It has no container yet, or no connection to it.
        case searching(ContainerSearch)
        case container(Lease, any Channel, FrameHandler, UInt32)
        case ended
    }

    private let service: FunctionService
    private let definition: FunctionDefinition
    private let acceleration: FunctionAcceleration?
    private let event: HandlerEvent
    private let eventLoop: any NIOCore.EventLoop
    private let record: RequestRecord
    private let calls: EventCalls
    /// It was served by compiled code, and is asked of a container to be compared.
    private let isVerification: Bool
    /// What the sandbox has answered.
    private var served: [UInt8]?
    private var onAnswer: ((Outcome) -> Void)?
    private var state = State.ended
    private var mode = Mode.container
    private var readings = SandboxFrame.Readings()
    /// Counts those that have run the event: answers of calls go to the one that asked.
    private var attempt = 0
    private var isAbandoned = false
    private var deadline: Scheduled<Void>?
    private let client: OriginClient
    /// Called once, when nothing more comes of it, with the count of calls that differ from those that it is compared with.
    var onEnd: ((_ differences: Int) -> Void)?

    /// - Parameters:
    ///   - journal: of the same event in the sandbox: it is asked of a container, to be compared.
    ///   - readings: what clock and random numbers gave there.
    ///   - onAnswer: called once, on the event loop.
    init(
        _ service: FunctionService, _ event: HandlerEvent, _ client: OriginClient,
        on eventLoop: any NIOCore.EventLoop, record: RequestRecord, comparing journal: CallJournal? = nil,
        _ readings: SandboxFrame.Readings = .init(), onAnswer: @escaping (Outcome) -> Void
    ) {
        isVerification = journal != nil
        self.client = client
        self.readings = readings
        self.service = service
        self.event = event
        self.eventLoop = eventLoop
        self.record = record
        self.onAnswer = onAnswer
        definition = service.definition
        acceleration = service.acceleration
        let acceleration = acceleration
        calls = EventCalls(client, allowed: definition.fetch, on: eventLoop, comparing: journal) {
            acceleration?.log($0)
        }
    }

    func begin() {
        let left = max(1, definition.timeoutInMilliseconds - record.ageInMilliseconds)
        // It keeps itself until its end; that is bounded by this.
        deadline = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(left)) { [self] in isLate() }
        if isVerification {
            calls.beginReplay()
            return acquire()
        }
        guard let (handler, shape) = acceleration?.sandbox(on: eventLoop) else { return acquire() }
        record.gotSandbox()
        mode = .sandbox
        let number = handler.join(self)
        state = .sandbox(handler, number)
        handler.send(SandboxFrame(event: number, kind: .event, payload: event.arguments(shape)))
    }

    // MARK: A container

    private func acquire() {
        let search = ContainerSearch(service, for: record, on: eventLoop) { [eventLoop] container, limit in
            ContainerFrames.open(to: container, on: eventLoop, withinMilliseconds: limit)
        }
        state = .searching(search)
        search.begin { [self] result in
            switch result {
            case .success(let (lease, channel)): send(over: channel, lease)
            case .failure(let error): fail(error)
            }
        }
    }

    private func send(over channel: any Channel, _ lease: Lease) {
        guard let handler = FrameHandler.of(channel), handler.isActive else {
            service.finish(lease, isBroken: false)
            guard record.mayMoveOn else { return fail(GatewayError.containerEnded("it closed the connection")) }
            return acquire()
        }
        let number = handler.join(self)
        attempt += 1
        state = .container(lease, channel, handler, number)
        if !readings.isEmpty {
            handler.send(
                SandboxFrame(event: number, kind: .readings, payload: SandboxFrame.payload(of: readings)))
        }
        let arguments = event.arguments(lease.container.shape)
        handler.send(SandboxFrame(event: number, kind: .event, payload: arguments))
    }

    // MARK: What comes

    func received(_ frame: SandboxFrame) {
        do throws(FrameError) {
            switch state {
            case .sandbox(let handler, let number): try receive(frame, handler, number)
            case .container(let lease, let channel, let handler, let number):
                try receive(frame, lease, channel, handler, number)
            default: break
            }
        } catch {
            switch state {
            case .sandbox(let handler, let number):
                handler.leave(number)
                giveUp(SandboxFrame.AbortReport(reason: "violation", site: -1, readings: .init()))
            case .container(let lease, let channel, let handler, let number):
                handler.leave(number)
                channel.close(promise: nil)
                state = .ended
                service.finish(lease, isBroken: true)
                fail(GatewayError.containerEnded("\(error)"))
            default: break
            }
        }
    }

    private func receive(_ frame: SandboxFrame, _ handler: FrameHandler, _ number: UInt32) throws(FrameError) {
        switch frame.kind {
        case .call: try take(frame, handler, number)
        case .result:
            if definition.verifiedPermille > 0 { served = frame.payload }
            answer(.success(frame.payload))
        case .readings: readings = try frame.readings()
        case .end:
            handler.leave(number)
            acceleration?.note(log: try frame.log())
            acceleration?.noteServed()
            end()
            verify()
        case .abort:
            let report = try frame.abortReport()
            handler.leave(number)
            giveUp(report)
        default: throw FrameError("a frame of kind \(frame.kind.rawValue)", expected: "what a sandbox sends")
        }
    }

    private func receive(
        _ frame: SandboxFrame, _ lease: Lease, _ channel: any Channel, _ handler: FrameHandler, _ number: UInt32
    ) throws(FrameError) {
        switch frame.kind {
        case .call: return try take(frame, handler, number)
        case .result: return answer(.success(frame.payload))
        case .abort:
            let report = try frame.abortReport()
            answer(.failure(report.reason == "result" ? GatewayError.badResult("it is too large") : .threw))
        case .end: break
        default: throw FrameError("a frame of kind \(frame.kind.rawValue)", expected: "what a container sends")
        }
        handler.leave(number)
        lease.container.pool.put(channel)
        service.finish(lease, isBroken: false)
        for call in calls.journal.unasked where !isVerification {
            acceleration?.log("the container has not asked \(call.method) \(call.url), which the sandbox has asked")
        }
        end()
        service.noteEvent(in: lease.container, on: eventLoop)
    }

    private func take(_ frame: SandboxFrame, _ handler: FrameHandler, _ number: UInt32) throws(FrameError) {
        let attempt = attempt
        try calls.take(try frame.externalCall()) { [weak self] call, answer in
            guard let self, self.attempt == attempt else { return }
            let payload = SandboxFrame.payload(of: answer, to: call)
            handler.send(SandboxFrame(event: number, kind: .answer, payload: payload))
        }
    }

    // MARK: Going on elsewhere

    /// The sandbox has given it up.
    private func giveUp(_ report: SandboxFrame.AbortReport) {
        attempt += 1
        state = .settling
        acceleration?.noteAbort(report.reason, site: report.site)
        guard !isAbandoned else { return end() }
        calls.whenIdle { [self] in
            guard case .settling = state else { return }
            calls.beginReplay()
            // Where nothing was done, what the clock gave is of no interest.
            if !calls.journal.isEmpty { (mode, readings) = (.replayed, report.readings) } else { mode = .container }
            acquire()
        }
    }

    func connectionEnded() {
        switch state {
        case .sandbox: giveUp(SandboxFrame.AbortReport(reason: "crash", site: -1, readings: .init()))
        case .container(let lease, _, _, _):
            state = .ended
            attempt += 1
            service.finish(lease, isBroken: false)
            let error = GatewayError.containerEnded("it closed the connection without an answer")
            guard onAnswer != nil, definition.retries, record.mayMoveOn else { return fail(error) }
            state = .settling
            calls.whenIdle { [self] in
                guard case .settling = state else { return }
                calls.beginReplay()
                acquire()
            }
        default: break
        }
    }

    private func isLate() {
        let error = GatewayError.late(milliseconds: definition.timeoutInMilliseconds)
        switch state {
        case .sandbox:
            // It comes to its end there: what it waits for comes, and what it asks from now on fails.
            isAbandoned = true
            calls.abandon()
            answer(.failure(error))
        case .settling: fail(error)
        case .searching(let search):
            search.cancel(error, isBroken: true)
            fail(error)
        case .container(let lease, let channel, let handler, let number):
            handler.leave(number)
            channel.close(promise: nil)
            attempt += 1
            service.finish(lease, isBroken: true)
            fail(error)
        case .ended: break
        }
    }

    // MARK: The end

    /// What the caller gets; what comes after it is for nobody.
    private func answer(_ result: Result<[UInt8], any Error>) {
        guard let onAnswer else { return }
        self.onAnswer = nil
        if !isVerification { acceleration?.note(mode) }
        onAnswer(Outcome(result: result, mode: mode))
    }

    private func fail(_ error: any Error) {
        if let onAnswer {
            self.onAnswer = nil
            onAnswer(Outcome(result: .failure(error), mode: nil))
        }
        end()
    }

    /// An event that has come to its end has an answer.
    private func end() {
        state = .ended
        deadline?.cancel()
        deadline = nil
        if let onAnswer {
            self.onAnswer = nil
            onAnswer(Outcome(result: .failure(GatewayError.containerEnded("it gave no result")), mode: mode))
        }
        guard let onEnd else { return }
        self.onEnd = nil
        onEnd(calls.differences + calls.journal.unasked.count)
    }

    /// Has a container do a share of what the sandbox has done, without doing it twice.
    private func verify() {
        guard let served, let acceleration, Int.random(in: 0..<1000) < definition.verifiedPermille else { return }
        var found: Result<[UInt8], any Error>?
        // Nobody waits for it.
        let record = RequestRecord(AccessLine(), FunctionAccount(), AccessLog(nil))
        let run = EventRun(
            service, event, client, on: eventLoop, record: record, comparing: calls.journal, readings
        ) { found = $0.result }
        run.onEnd = { differences in acceleration.compare(served, with: found, differences) }
        run.begin()
    }
}
