import Acceleration
import Glibc
import LinuxSystem
import Sandbox

/// Compiles a function's trace: `czone-compile --library LIB --runtime FILE --trace FILE --output FILE`. Its report goes to
/// standard output. Started for each version of a function; it ends by itself or by its limits.
let maxCPUSeconds: UInt = 30
let maxRuntime = 16 << 20

do {
    let options = try CompileArguments(CurrentProcess.arguments)
    limitTime()
    lowerPriority()
    let engine = try SandboxEngine(library: options.library)
    try engine.startClock()
    let directory = "\(options.output).work"
    try FileSystem.makeDirectory(directory)
    let compiler = try FunctionCompiler(
        engine, runtime: try contents(of: options.runtime, atMost: maxRuntime), directory: directory)
    defer { try? FileSystem.removeDirectory(directory) }
    // A byte more than a trace may have, so that one that is too long is refused, not cut.
    let (code, report) = try compiler.compile(try contents(of: options.trace, atMost: (8 << 20) + 1))
    try FileSystem.replace(options.output, with: code)
    try StandardStream.output.descriptor.write(all: report.json + [0x0a])
} catch let error as UsageError {
    report("\(error)")
    exit(2)
} catch {
    report("czone-compile: \(error)")
    exit(1)
}

func contents(of path: String, atMost limit: Int) throws -> [UInt8] {
    guard let bytes = try FileSystem.contents(of: path, atMost: limit) else {
        throw UsageError("\(path): there is no such file")
    }
    return bytes
}

func report(_ line: String) { try? StandardStream.error.descriptor.write(all: Array("\(line)\n".utf8)) }
