import Acceleration
import Glibc
import Jail
import LinuxSystem
import Sandbox

/// Serves a function's events: `czone-sandbox --library LIB --module FILE --socket PATH|--connections N[,N…]
/// [--user N] [--jail reduced|off]`.
do {
    let options = try SandboxArguments(CurrentProcess.arguments)
    // A client that has gone is an error of that write, not a signal.
    signal(SIGPIPE, SIG_IGN)
    let engine = try SandboxEngine(library: options.library)
    let module = try SandboxModule(engine, path: options.module)
    let service =
        switch options.clients {
        case .socket(let path): try SandboxService(module, try UnixSocket.listen(at: path))
        case .connections(let numbers):
            try SandboxService(module, nil, connections: numbers.map { OwnedDescriptor(taking: $0) })
        }
    if options.isFiltered {
        let filter = try ThreadFilter(.sandbox)
        try Confinement.watchFilters(program: "czone-sandbox")
        try goBehindWalls(options)
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

/// Gives up all that was needed to begin: another user, namespaces of its own, an empty root.
func goBehindWalls(_ options: SandboxArguments) throws {
    guard let user = options.user else { return }
    Confinement.forbidMerging()
    let confinement = Confinement(.user(user), options.isReduced ? .reduced : .full)
    for failure in try confinement.enter(maxDescriptors: SandboxArguments.maxDescriptors) {
        report("czone-sandbox: \(failure)")
    }
}

/// Without its filter a thread does not go on.
func install(_ filter: ThreadFilter) {
    do { try filter.install() } catch {
        report("czone-sandbox: \(error)")
        exit(1)
    }
}

func report(_ line: String) { try? StandardStream.error.descriptor.write(all: Array("\(line)\n".utf8)) }
