import Acceleration
import Glibc
import LinuxSystem
import Sandbox

/// acceleration-check DIRECTORY BATCH…: compares compiled code with what node has made of batches (differential.cjs).
/// DIRECTORY has libwasmtime.so and runtime.wasm. Prints a line of counts, and each difference; fails with one.
///
/// acceleration-check serve BATCH SOCKET EVENTS: has a sandbox serve events, and compares its answers with node's.
///
/// acceleration-check bench DIRECTORY BATCH MODULE SOCKET EVENTS: measures a sandbox that serves MODULE.
let words = CurrentProcess.arguments
guard let tools = words.first, words.count > 1 else {
    print("acceleration-check DIRECTORY BATCH…")
    exit(2)
}
if tools == "serve", words.count == 4, let count = Int(words[3]) {
    do {
        // What speaks another language is left, and others go on.
        let stranger = try UnixSocket.connect(to: words[2])
        try stranger.send([UInt8](repeating: 0xff, count: 64))
        guard try stranger.isReadable(by: Deadline(inMilliseconds: 10_000)), try stranger.read(atMost: 1).isEmpty else {
            throw BatchError(description: "\(words[2]): a connection of garbage was answered, expected its end")
        }
        _ = try Bench(batch: try Batch(path: words[1])).serve(socket: words[2], count: count, isChecked: true)
        print("\(count) events served")
        exit(0)
    } catch {
        print("acceleration-check: \(error)")
        exit(1)
    }
}
if tools == "bench", words.count == 6, let count = Int(words[5]) {
    do {
        let bench = Bench(batch: try Batch(path: words[2]))
        let engine = try SandboxEngine(library: "\(words[1])/libwasmtime.so")
        try engine.startClock()
        let module = try SandboxModule(engine, path: words[3])
        _ = try bench.eventMicroseconds(module, count: 1000)
        let instance = try bench.instanceMicroseconds(module, count: 20_000)
        let event = try bench.eventMicroseconds(module, count: count)
        _ = try bench.serve(socket: words[4], count: min(count, 2000))
        let served = try bench.serve(socket: words[4], count: count)
        print("events_per_second \(Int(served)) event_us \(event) instance_us \(instance)")
        exit(0)
    } catch {
        print("acceleration-check: \(error)")
        exit(1)
    }
}
do {
    let engine = try SandboxEngine(library: "\(tools)/libwasmtime.so")
    try engine.startClock()
    let directory = "\(tools)/check.\(getpid())"
    try FileSystem.makeDirectory(directory)
    guard let runtime = try FileSystem.contents(of: "\(tools)/runtime.wasm", atMost: 16 << 20) else {
        throw BatchError(description: "\(tools)/runtime.wasm: there is no such file")
    }
    var differential = Differential(
        engine: engine, compiler: try FunctionCompiler(engine, runtime: runtime, directory: directory),
        directory: directory)
    // `exit` runs nothing that is deferred.
    func cleanUp() {
        try? FileSystem.removeFile("\(directory)/batch.cwasm")
        try? FileSystem.removeDirectory(directory)
    }
    for path in words.dropFirst() { try differential.run(try Batch(path: path), name: path) }
    let aborted = differential.aborts.values.reduce(0, +)
    let reasons = differential.aborts.sorted { $0.value > $1.value }.map { "\($0.key) \($0.value)" }
    print(
        "cases \(differential.cases), differences \(differential.differences.count), aborts \(aborted)"
            + (reasons.isEmpty ? "" : " (\(reasons.joined(separator: ", ")))"))
    if CurrentProcess.environment("ACCELERATION_PLACES") != nil {
        for (place, count) in differential.places.sorted(by: { $0.value > $1.value }).prefix(40) {
            print("\(count)  \(place)")
        }
    }
    for difference in differential.differences.prefix(20) { print(difference) }
    cleanUp()
    exit(differential.differences.isEmpty ? 0 : 1)
} catch {
    print("acceleration-check: \(error)")
    exit(1)
}
