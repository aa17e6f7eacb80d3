import ControlProtocol
import Glibc
import Hypervisor
import LinuxSystem
import Logging
import Logs
import Machine

/// One process, one VM: opens everything that it will ever need, then runs the guest to its end.
let logFile = LogFile()
Log.begin(program: "czone-vm", metadata: Log.metadataOfEnvironment) { logFile.append($0) }
Log.choices.level = .info
Log.choose(level: nil, format: nil)

do {
    let startedAt = MonotonicClock.nanoseconds
    let words = Array(CommandLine.arguments.dropFirst())
    if let arguments = try FileServerArguments(parsing: words) {
        try FileServerProcess.run(arguments)
        exit(0)
    }
    if words.count == 2, words[0] == MachineArguments.Jail.examinationOption, let user = UInt32(words[1]) {
        exit(try Walls.examine(user) ? 0 : 1)
    }
    let arguments = try MachineArguments(parsing: words)
    let end = try VirtualMachineProcess(arguments, startedAt: startedAt, logFile: logFile).run()
    if case .poweredOff = end {} else if case .stopped = end {} else { report("\(end)") }
    exit(end.exitStatus)
} catch let error as InvalidMachineArguments {
    report("\(error)")
    exit(2)
} catch {
    report("\(error)")
    exit(1)
}

/// The process's last line: why it ends.
func report(_ line: String) {
    Log.logger.critical("\(line)")
    // Whatever thread was to write it may not come to that any more.
    logFile.flush()
}
