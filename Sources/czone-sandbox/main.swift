import Acceleration
import Glibc
import Jail
import LinuxSystem
import Sandbox

/// Serves a function's events: `czone-sandbox --library LIB --module FILE --socket PATH [--jail off]`.
do {
    let options = try SandboxArguments(CurrentProcess.arguments)
    // A client that has gone is an error of that write, not a signal.
    signal(SIGPIPE, SIG_IGN)
    let engine = try SandboxEngine(library: options.library)
    let module = try SandboxModule(engine, path: options.module)
    let listener = try UnixSocket.listen(at: options.socket)
    let service = try SandboxService(module, listener)
    if options.isJailed {
        let filter = try ThreadFilter(.sandbox)
        try Confinement.watchFilters(program: "czone-sandbox")
        // The clock's thread begins before this one gives up making threads.
        try engine.startClock { install(filter) }
        try filter.install()
    } else {
        try engine.startClock()
    }
    try service.run()
} catch let error as UsageError {
    report("\(error)")
    exit(2)
} catch {
    report("czone-sandbox: \(error)")
    exit(1)
}

/// Without its filter a thread does not go on.
func install(_ filter: ThreadFilter) {
    do { try filter.install() } catch {
        report("czone-sandbox: \(error)")
        exit(1)
    }
}

func report(_ line: String) { try? StandardStream.error.descriptor.write(all: Array("\(line)\n".utf8)) }
