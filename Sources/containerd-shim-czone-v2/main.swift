import Glibc
import LinuxSystem
import Shim

/// The shim of the runtime io.containerd.czone.v2: containerd's door to czone.
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
func report(_ line: String) {
    try? StandardStream.error.descriptor.write(all: Array("containerd-shim-czone-v2: \(line)\n".utf8))
}
