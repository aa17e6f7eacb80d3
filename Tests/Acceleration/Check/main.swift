import Acceleration
import Glibc
import LinuxSystem
import Sandbox

/// acceleration-check DIRECTORY BATCH…: compares compiled code with what node has made of batches (differential.cjs).
/// DIRECTORY has libwasmtime.so and runtime.wasm. Prints a line of counts, and each difference; fails with one.
let words = CurrentProcess.arguments
guard let tools = words.first, words.count > 1 else {
    print("acceleration-check DIRECTORY BATCH…")
    exit(2)
}
do {
    let engine = try SandboxEngine(library: "\(tools)/libwasmtime.so")
    try engine.startClock()
    let directory = "\(tools)/check.\(getpid())"
    try FileSystem.makeDirectory(directory)
    defer {
        try? FileSystem.removeFile("\(directory)/batch.cwasm")
        try? FileSystem.removeDirectory(directory)
    }
    guard let runtime = try FileSystem.contents(of: "\(tools)/runtime.wasm", atMost: 16 << 20) else {
        throw BatchError(description: "\(tools)/runtime.wasm: there is no such file")
    }
    var differential = Differential(
        engine: engine, compiler: try FunctionCompiler(engine, runtime: runtime, directory: directory),
        directory: directory)
    for path in words.dropFirst() { try differential.run(try Batch(path: path), name: path) }
    let aborted = differential.aborts.values.reduce(0, +)
    let reasons = differential.aborts.sorted { $0.value > $1.value }.map { "\($0.key) \($0.value)" }
    print(
        "cases \(differential.cases), differences \(differential.differences.count), aborts \(aborted)"
            + (reasons.isEmpty ? "" : " (\(reasons.joined(separator: ", ")))"))
    if CurrentProcess.environment("ACCELERATION_PLACES") != nil {
        for (place, count) in differential.places.sorted(by: { $0.value > $1.value }).prefix(40) { print("\(count)  \(place)") }
    }
    for difference in differential.differences.prefix(20) { print(difference) }
    exit(differential.differences.isEmpty ? 0 : 1)
} catch {
    print("acceleration-check: \(error)")
    exit(1)
}
