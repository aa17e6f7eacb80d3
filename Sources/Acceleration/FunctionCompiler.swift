import Glibc
import LinuxSystem
public import Sandbox
import SandboxProtocol
import Trace
import TraceCompiler
import TraceRuntime
import WasmModule

/// Makes of a trace what `czone-sandbox` runs.
public struct FunctionCompiler {
    private let engine: SandboxEngine
    private let runtime: WasmModule
    /// Where its files are while it works.
    private let directory: String

    /// Code of a function, in bytes.
    static let maxCode = 4 << 20

    /// - Parameters:
    ///   - engine: has the limits that the code is compiled for.
    ///   - runtime: the run-time library (`Sources/TraceRuntime/build.sh`), a trusted file.
    ///   - directory: one of this process's own.
    public init(_ engine: SandboxEngine, runtime: [UInt8], directory: String) throws {
        self.engine = engine
        self.runtime = try WasmModule(runtime)
        self.directory = directory
    }

    /// Compiles a trace: machine code, and what is to be known of it.
    ///
    /// - Throws: what is wrong with the trace; `CompileFailure` where the top level cannot run here.
    public func compile(_ bytes: [UInt8]) throws -> (code: [UInt8], report: CompileReport) {
        let trace = try FunctionTrace(bytes)
        let program = try TraceCompiler.compile(trace, runtime: runtime)
        var report = CompileReport(trace, program)
        var module = program.module
        module.takeMemory(try memory(after: module.encoded(), &report))
        module.exports.removeAll { $0.name == "initialize" }
        let code = try engine.compile(module.encoded())
        guard code.count <= Self.maxCode else {
            throw CompileFailure("\(code.count) bytes of code, expected at most \(Self.maxCode)")
        }
        report.codeBytes = code.count
        return (code, report)
    }

    /// Runs the top level: memory as it is afterwards.
    private func memory(after module: [UInt8], _ report: inout CompileReport) throws -> [UInt8] {
        let path = "\(directory)/initialize.cwasm"
        try FileSystem.replace(path, with: try engine.compile(module))
        defer { try? FileSystem.removeFile(path) }
        let activation = try Activation(
            try SandboxModule(engine, path: path),
            // What it would read is not an event's to know.
            surroundings: Activation.Surroundings(now: { .nan }, random: { .nan }))
        var (progress, memory) = activation.initialize()
        if case .aborted(let abort) = progress {
            throw CompileFailure("the top level is not compiled: \(report.describe(abort))")
        }
        guard activation.journal.entries.isEmpty else {
            throw CompileFailure("the top level reads the clock, random numbers or writes a log, expected none of it")
        }
        // What the stack had is nobody's.
        let stack = runtime.global(named: "__stack_pointer").map { Int(runtime.globals[$0].value) } ?? 0
        for place in 0..<min(stack, memory.count) { memory[place] = 0 }
        return memory
    }
}

/// A function that cannot be served by compiled code.
public struct CompileFailure: Error, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
