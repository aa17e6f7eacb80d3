import ControlProtocol
import Glibc
import Hypervisor
import LinuxSystem
import Machine

/// One process, one VM: opens everything that it will ever need, then runs the guest to its end.
do {
    let startedAt = MonotonicClock.nanoseconds
    let arguments = try MachineArguments(parsing: Array(CommandLine.arguments.dropFirst()))
    let end = try VirtualMachineProcess(arguments, startedAt: startedAt).run()
    if case .poweredOff = end {} else if case .stopped = end {} else { report("\(end)") }
    exit(end.exitStatus)
} catch let error as InvalidMachineArguments {
    report("\(error)")
    exit(2)
} catch {
    report("\(error)")
    exit(1)
}

/// One line on standard error: the terminal of `czone boot`, or the VM's log.
func report(_ line: String) {
    try? StandardStream.error.descriptor.write(all: Array("czone-vm: \(line)\n".utf8))
}
