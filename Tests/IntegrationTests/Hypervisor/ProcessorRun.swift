import Hypervisor
import LinuxSystem
import Synchronization

/// What a payload did that its machine's devices see.
enum Access: Equatable, Sendable {
    case output(port: UInt16, width: Int, values: [UInt64])
    case input(port: UInt16, width: Int, count: Int)
    case read(address: UInt64, width: Int)
    case write(address: UInt64, width: Int, value: UInt64)
}

/// A payload that did not get where it was awaited within the time limit, or ended before; it was kicked out.
struct NotReached: Error {
    let accesses: [Access]
}

/// A payload that ended otherwise than by its last output.
struct UnexpectedEnd: Error, Equatable {
    let exit: VirtualCPUExit
}

/// A virtual processor that runs a payload on a thread of its own, until the payload writes to a certain port. Then the
/// write is completed, so that the processor's state can be read.
final class ProcessorRun {
    /// Answers a read with its values (none: zeros); what it returns for a write is ignored. Called on the thread.
    typealias Device = @Sendable (Access) -> [UInt64]

    /// In seconds; even the emulated host needs a hundredth of it.
    static let timeLimit = 30
    static let readyPort: UInt16 = 0xf1
    static let endPort: UInt16 = 0xf4

    private final class Progress: Sendable {
        struct State {
            var accesses: [Access] = []
            var failure: (any Error)?
            var interruptions = 0
            var mustStop = false
            var hasEnded = false
        }
        let state = Mutex(State())
        let ended: EventDescriptor
        init() throws { ended = try EventDescriptor() }
    }

    private let processor: VirtualCPU
    private let progress: Progress
    private let thread: Thread
    private var isJoined = false

    init(_ processor: VirtualCPU, until lastPort: UInt16 = endPort, device: @escaping Device = { _ in [] }) throws {
        self.processor = processor
        let progress = try Progress()
        self.progress = progress
        thread = try Thread(named: "vcpu\(processor.index)") {
            defer {
                progress.state.withLock { $0.hasEnded = true }
                progress.ended.signal()
            }
            do {
                while let access = try Self.next(processor, progress) {
                    progress.state.withLock { $0.accesses.append(access) }
                    if case .output(lastPort, _, _) = access { return try Self.complete(processor) }
                    Self.answer(access, device(access), processor)
                }
            } catch { progress.state.withLock { $0.failure = error } }
        }
    }

    deinit { stop() }

    /// Waits for the payload's end: all that it did.
    @discardableResult
    func finish() throws -> [Access] {
        try wait(for: progress.ended)
        stop()
        return try accesses()
    }

    /// Waits until the event is signalled, and takes the signal. The payload must not end before.
    func wait(for event: EventDescriptor) throws {
        let loop = try EventLoop()
        try loop.add(event.descriptor, for: .readable) { _ in }
        if event !== progress.ended { try loop.add(progress.ended.descriptor, for: .readable) { _ in } }
        let deadline = ContinuousClock.now + .seconds(Self.timeLimit)
        while true {
            // In this order: what was signalled before the end is found after it.
            let hasEnded = progress.state.withLock { $0.hasEnded }
            if event.drain() || hasEnded && event === progress.ended { return }
            guard ContinuousClock.now < deadline, !hasEnded else {
                stop()
                throw NotReached(accesses: try accesses().suffix(16))
            }
            try loop.runOnce(timeoutInMilliseconds: 1000)
        }
    }

    private func accesses() throws -> [Access] {
        let (accesses, failure) = progress.state.withLock { ($0.accesses, $0.failure) }
        if let failure { throw failure }
        return accesses
    }

    /// Kicks the processor out of whatever it does, and waits for its thread's end. How often `run` was interrupted.
    @discardableResult
    func stop() -> Int {
        if !isJoined {
            progress.state.withLock { $0.mustStop = true }
            processor.forbidRunning()
            thread.interrupt()
            thread.join()
            processor.allowRunning()
            isJoined = true
        }
        return progress.state.withLock { $0.interruptions }
    }

    /// Runs to the next access; nil once the run must stop.
    private static func next(_ processor: VirtualCPU, _ progress: Progress) throws -> Access? {
        while true {
            switch try processor.run() {
            case .port(let port, let width, let count, isWrite: true):
                let values = (0..<count).map { processor.portValue($0, width: width) }
                return .output(port: port, width: width, values: values)
            case .port(let port, let width, let count, isWrite: false):
                return .input(port: port, width: width, count: count)
            case .memoryRead(let address, let width): return .read(address: address, width: width)
            case .memoryWrite(let address, let width, let value):
                return .write(address: address, width: width, value: value)
            case .interrupted:
                let mustStop = progress.state.withLock { state in
                    state.interruptions += 1
                    return state.mustStop
                }
                if mustStop { return nil }
            case let exit: throw UnexpectedEnd(exit: exit)
            }
        }
    }

    private static func complete(_ processor: VirtualCPU) throws {
        processor.forbidRunning()
        defer { processor.allowRunning() }
        guard case let exit = try processor.run(), exit != .interrupted else { return }
        throw UnexpectedEnd(exit: exit)
    }

    private static func answer(_ access: Access, _ values: [UInt64], _ processor: VirtualCPU) {
        switch access {
        case .read: processor.completeRead(values.first ?? 0)
        case .input(_, let width, let count):
            for index in 0..<count {
                processor.setPortValue(values.indices.contains(index) ? values[index] : 0, index, width: width)
            }
        case .output, .write: break
        }
    }
}

/// A value that a device on another thread changes.
final class Shared<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>
    init(_ value: Value) { mutex = Mutex(value) }
    var value: Value { mutex.withLock { $0 } }
    func update<Result: Sendable>(_ change: (inout Value) -> Result) -> Result {
        mutex.withLock { value in change(&value) }
    }
}
