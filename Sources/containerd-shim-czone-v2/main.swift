import Glibc
import Logging
import Logs
import Shim

/// The shim of the runtime io.containerd.czone.v2: containerd's door to czone.
Log.begin(program: "containerd-shim-czone-v2")
Log.choose(level: nil, format: nil)

do {
    try Shim.run(try Invocation(Array(CommandLine.arguments.dropFirst())))
} catch let error as Invocation.Invalid {
    report("\(error)")
    exit(2)
} catch {
    report("\(error)")
    exit(1)
}

/// One line on standard error, which containerd shows with its own error.
func report(_ line: String) { Log.logger.critical("\(line)") }
