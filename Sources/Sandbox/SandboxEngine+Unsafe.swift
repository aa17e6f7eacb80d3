import CWasmtime
import Glibc
import LinuxSystem
import Synchronization

// SAFETY: the C calls of this file borrow a string, an array with its count or a local variable, and only for the call.
// Engine and modules are made in C, never moved, and may be used by any thread (cwasmtime.h).

/// Text of a failure's array.
func text(of failure: cwasmtime_failure) -> String {
    var failure = failure
    return unsafe withUnsafeBytes(of: &failure.text) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}

/// wasmtime, with the limits of this process. There is one in a process, for its life.
@safe
public final class SandboxEngine: @unchecked Sendable {
    let engine: OpaquePointer
    public let limits: SandboxLimits
    private let clock: EpochClock

    /// Loads wasmtime's library and makes an engine.
    public init(library: String, limits: SandboxLimits = SandboxLimits()) throws {
        var failure = cwasmtime_failure()
        guard unsafe cwasmtime_load(library, &failure) else { throw SandboxError("load \(library)", text(of: failure)) }
        var values = cwasmtime_limits(
            instances: UInt32(limits.instances), memory_bytes: UInt64(limits.memoryBytes),
            table_elements: UInt32(limits.tableElements), stack_bytes: UInt64(limits.stackBytes))
        guard let engine = unsafe cwasmtime_engine_make(&values, &failure) else {
            throw SandboxError("make an engine", text(of: failure))
        }
        unsafe self.engine = engine
        self.limits = limits
        let address = UInt(bitPattern: engine)
        clock = EpochClock { unsafe cwasmtime_tick(OpaquePointer(bitPattern: address)) }
    }

    /// Begins to measure time: from now on, calls end when theirs is over.
    ///
    /// - Parameter prepare: what the clock's thread does first, such as to install its filter.
    public func startClock(_ prepare: @escaping @Sendable () -> Void = {}) throws { try clock.start(prepare) }

    /// Runs a call while the clock ticks.
    func timed<Result>(_ body: () throws -> Result) rethrows -> Result {
        clock.begin()
        defer { clock.end() }
        return try body()
    }

    /// Whether bytes are a module that wasmtime takes with these limits.
    public func validate(_ module: [UInt8]) throws(SandboxError) {
        var failure = cwasmtime_failure()
        guard unsafe cwasmtime_validate(engine, module, module.count, &failure) else {
            throw SandboxError("validate a module", text(of: failure))
        }
    }

    /// A module's machine code, to be written to a file for `SandboxModule`.
    public func compile(_ module: [UInt8]) throws(SandboxError) -> [UInt8] {
        var failure = cwasmtime_failure()
        var size = 0
        guard let code = unsafe cwasmtime_compile(engine, module, module.count, &size, &failure) else {
            throw SandboxError("compile a module", text(of: failure))
        }
        // SAFETY: the call has made `size` bytes, which are ours.
        defer { unsafe free(code) }
        return unsafe Array(UnsafeBufferPointer(start: code, count: size))
    }
}

/// A compiled function, ready for events.
@safe
public final class SandboxModule: @unchecked Sendable {
    let module: OpaquePointer
    let engine: SandboxEngine

    /// Opens what `SandboxEngine.compile` has made. The file is trusted: only who may write it decides what runs.
    public init(_ engine: SandboxEngine, path: String) throws(SandboxError) {
        var failure = cwasmtime_failure()
        let imports = unsafe HostFunction.allCases.map { function in
            // SAFETY: these are literals, which live as long as the process.
            unsafe cwasmtime_import(
                name: literal(function.name), parameters: literal(function.parameters), result: function.result)
        }
        let opened = unsafe cwasmtime_module_open(
            engine.engine, path, imports, imports.count,
            { context, number, values, memory, size in
                // SAFETY: the context is the activation, which outlives its instance; values has room for eight.
                guard let context = unsafe context, let values = unsafe values else { return 1 }
                let activation = unsafe Unmanaged<Activation>.fromOpaque(context).takeUnretainedValue()
                return unsafe activation.serve(number, values, UnsafeRawBufferPointer(start: memory, count: size))
            }, &failure)
        guard let opened = unsafe opened else { throw SandboxError("open \(path)", text(of: failure)) }
        unsafe module = opened
        self.engine = engine
    }

    deinit { unsafe cwasmtime_module_release(module) }
}

private func literal(_ text: StaticString) -> UnsafePointer<CChar>? {
    // SAFETY: a static string is NUL-terminated and never released.
    unsafe UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}
