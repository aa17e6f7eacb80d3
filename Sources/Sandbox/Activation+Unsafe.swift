import CWasmtime
import LinuxSystem
public import SandboxProtocol
import TraceRuntime

/// An event in an instance of its own. Used by one thread at a time.
@safe
public final class Activation {
    /// How far an event has come.
    public enum Progress: Equatable, Sendable {
        /// It waits for the answers to these calls, and to others that were made before.
        case waiting([ExternalCall])
        /// It is over: all that it did is in the journal.
        case finished
        case aborted(Abort)
    }

    /// Where clock and random numbers come from.
    public struct Surroundings: Sendable {
        /// Milliseconds since 1970.
        public var now: @Sendable () -> Double
        /// From 0 until 1.
        public var random: @Sendable () -> Double

        public init(now: @escaping @Sendable () -> Double, random: @escaping @Sendable () -> Double) {
            self.now = now
            self.random = random
        }

        public static let host = Surroundings(
            now: { Double(WallClock.nanoseconds / 1_000_000) },
            random: {
                let bits = RandomBytes.bytes(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                return Double(bits >> 11) * 0x1p-53
            })
    }

    private let module: SandboxModule
    private let surroundings: Surroundings
    /// nil when the event is over.
    private var instance: OpaquePointer?
    public private(set) var journal = Journal()
    private var newCalls: [ExternalCall] = []
    private var callCount = 0
    private var unanswered: Set<Int> = []
    private var logged = 0
    private var readings = 0
    private var abort: Abort?
    private var spentNanoseconds: UInt64 = 0

    /// Makes an instance of a module.
    ///
    /// - Throws: `SandboxError` where the pool is used up.
    public init(_ module: SandboxModule, surroundings: Surroundings = .host) throws(SandboxError) {
        self.module = module
        self.surroundings = surroundings
        var failure = cwasmtime_failure()
        // SAFETY: the instance is released before this object, which outlives each call by being its receiver.
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        let ticks = UInt64(module.engine.limits.activationMilliseconds)
        // A module may have something to run already.
        let made = unsafe module.engine.timed {
            unsafe cwasmtime_instance_make(module.module, context, ticks, &failure)
        }
        guard let made = unsafe made else { throw SandboxError("make an instance", text(of: failure)) }
        unsafe instance = made
    }

    deinit { release() }

    private func release() {
        // SAFETY: released once: afterwards there is none.
        if let instance = unsafe instance { unsafe cwasmtime_instance_release(instance) }
        unsafe instance = nil
    }

    /// Runs what the module does before events. For `czone-compile`: memory is what events begin with.
    public func initialize() -> (progress: Progress, memory: [UInt8]) {
        let progress = run("initialize") { [] }
        guard case .finished = progress, let instance = unsafe instance else { return (progress, []) }
        var size = 0
        // SAFETY: address and size are the memory's own, and nothing runs meanwhile.
        let memory = unsafe cwasmtime_memory(instance, &size)
        let bytes = unsafe [UInt8](UnsafeRawBufferPointer(start: memory, count: size))
        return (progress, bytes)
    }

    /// Begins the event: a JSON array of the handler's arguments.
    public func start(_ event: [UInt8]) -> Progress {
        end(run("start") { () throws(Abort) in try place(event) })
    }

    /// Goes on with the answer to an external call.
    public func resume(_ call: Int, with answer: ExternalAnswer) -> Progress {
        guard unanswered.remove(call) != nil else { return .aborted(Abort(reason: .violation, site: -1)) }
        journal.append(.answered(call, answer))
        return end(
            run("resume") { () throws(Abort) in
                let headers = try place(HostCalls.headerText(answer.headers))
                let body = try place(answer.body)
                return [UInt32(call), UInt32(clamping: answer.status)] + headers + body
            })
    }

    private func end(_ progress: Progress) -> Progress {
        switch progress {
        case .waiting: return progress
        case .finished:
            if !unanswered.isEmpty {
                defer { newCalls = [] }
                return .waiting(newCalls)
            }
            release()
            // It waits for what never comes: JavaScript would wait as well.
            return journal.hasResult ? .finished : .aborted(Abort(reason: .exception, site: -1))
        case .aborted:
            release()
            return progress
        }
    }

    /// Calls an exported function, with arguments that may have to be put into memory before.
    private func run(_ name: StaticString, _ arguments: () throws(Abort) -> [UInt32]) -> Progress {
        let began = ProcessTime.nanoseconds
        defer { spentNanoseconds += ProcessTime.nanoseconds - began }
        let limits = module.engine.limits
        if spentNanoseconds > UInt64(limits.eventMilliseconds) * 1_000_000 {
            return .aborted(Abort(reason: .time, site: site))
        }
        return module.engine.timed {
            do throws(Abort) {
                _ = try call(name, try arguments())
                return .finished
            } catch {
                return .aborted(error)
            }
        }
    }

    private func call(_ name: StaticString, _ arguments: [UInt32]) throws(Abort) -> UInt32 {
        guard let instance = unsafe instance else { throw Abort(reason: .violation, site: -1) }
        var failure = cwasmtime_failure()
        var result: UInt32 = 0
        var trap: CInt = -1
        let ticks = UInt64(module.engine.limits.activationMilliseconds)
        // SAFETY: the name is a literal, which ends with NUL; the count is the array's own.
        let outcome = name.withUTF8Buffer { name in
            unsafe name.withMemoryRebound(to: CChar.self) { name in
                unsafe cwasmtime_call(
                    instance, name.baseAddress, ticks, arguments, arguments.count, &result, &trap, &failure)
            }
        }
        if outcome == CWASMTIME_DONE { return result }
        if let abort { throw abort }
        let reason: AbortReason =
            switch trap {
            case 0: .stack
            case 10: .time
            // The run-time library's own stack lies lowest in memory.
            case 1: .stack
            default: .violation
            }
        throw Abort(reason: reason, site: site)
    }

    private var site: Int {
        // SAFETY: the name is a literal.
        unsafe instance.map { instance in unsafe Int(cwasmtime_global(instance, "site")) } ?? -1
    }

    /// Puts bytes into the instance's memory: their address and count. Where the module has no such room, nothing is written.
    private func place(_ bytes: [UInt8]) throws(Abort) -> [UInt32] {
        guard bytes.count <= module.engine.limits.bodyBytes else { throw Abort(reason: .memory, site: -1) }
        let address = try call("allocate", [UInt32(bytes.count)])
        var size = 0
        guard let instance = unsafe instance, let memory = unsafe cwasmtime_memory(instance, &size),
            Int(address) + bytes.count <= size
        else { throw Abort(reason: .violation, site: -1) }
        // SAFETY: the guard has compared the range with the memory's size, and nothing runs meanwhile.
        unsafe UnsafeMutableRawBufferPointer(start: memory + Int(address), count: bytes.count).copyBytes(from: bytes)
        return [address, UInt32(bytes.count)]
    }

    // MARK: imports

    /// Serves an import: 0, or 1 to end the call.
    func serve(_ number: UInt32, _ values: UnsafeMutablePointer<UInt64>, _ memory: UnsafeRawBufferPointer) -> CInt {
        do throws(Abort) {
            guard let function = HostFunction(rawValue: number) else { throw Abort(reason: .violation, site: -1) }
            // SAFETY: values has room for eight.
            let first = unsafe UInt32(truncatingIfNeeded: values[0])
            let second = unsafe UInt32(truncatingIfNeeded: values[1])
            let third = unsafe UInt32(truncatingIfNeeded: values[2])
            switch function {
            case .abort: throw Abort(reason: AbortReason(rawValue: Int32(bitPattern: first)) ?? .violation, site: site)
            case .fetch: try beginCall(first, try unsafe copy(memory, second, third))
            case .log: try log(Int(first), try unsafe copy(memory, second, third))
            case .answer: try answer(second == 0 ? nil : try unsafe copy(memory, first, second))
            case .now: unsafe values[0] = try read(surroundings.now()) { .clock($0) }.bitPattern
            case .random: unsafe values[0] = try read(surroundings.random()) { .random($0) }.bitPattern
            }
            return 0
        } catch {
            abort = Abort(reason: error.reason, site: error.site >= 0 ? error.site : site)
            return 1
        }
    }

    /// A copy of a range of the module's memory.
    private func copy(_ memory: UnsafeRawBufferPointer, _ address: UInt32, _ count: UInt32) throws(Abort) -> [UInt8] {
        guard Int(count) <= module.engine.limits.bodyBytes else { throw Abort(reason: .memory, site: -1) }
        guard Int(address) + Int(count) <= memory.count else { throw Abort(reason: .violation, site: -1) }
        // SAFETY: the guard has compared the range with the memory's size.
        return unsafe [UInt8](UnsafeRawBufferPointer(rebasing: memory[Int(address)..<(Int(address) + Int(count))]))
    }

    private func beginCall(_ number: UInt32, _ request: [UInt8]) throws(Abort) {
        guard Int(number) == callCount else { throw Abort(reason: .violation, site: -1) }
        guard callCount < module.engine.limits.calls else { throw Abort(reason: .calls, site: -1) }
        let call = try HostCalls.request(callCount, request)
        callCount += 1
        unanswered.insert(call.number)
        newCalls.append(call)
        journal.append(.call(call))
    }

    private func log(_ stream: Int, _ line: [UInt8]) throws(Abort) {
        guard stream == 1 || stream == 2 else { throw Abort(reason: .violation, site: -1) }
        logged += line.count + 1
        guard logged <= module.engine.limits.bodyBytes else { throw Abort(reason: .memory, site: -1) }
        journal.append(.log(stream: stream, line))
    }

    private func answer(_ text: [UInt8]?) throws(Abort) {
        guard !journal.hasResult else { throw Abort(reason: .violation, site: -1) }
        journal.append(.result(text))
    }

    private func read(_ value: Double, _ entry: (Double) -> Journal.Entry) throws(Abort) -> Double {
        readings += 1
        guard readings <= module.engine.limits.readings else { throw Abort(reason: .calls, site: -1) }
        journal.append(entry(value))
        return value
    }
}
