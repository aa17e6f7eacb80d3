import Glibc
import LinuxSystem
import Logging
import Logs
import TemplateTransfer

/// One transfer of a template, between the store and a registry.
Log.begin(program: "czone-transfer")
Log.choices.level = .info
Log.choose(level: nil, format: nil)

do {
    let arguments = try TransferArguments(CurrentProcess.arguments)
    // A registry that has gone is an error of that write, not a signal.
    signal(SIGPIPE, SIG_IGN)
    CurrentProcess.setThreadName("czone-transfer")
    try Transfer(arguments).run()
} catch let error as TransferUsageError {
    report("\(error)")
    exit(2)
} catch {
    report("\(error)")
    exit(1)
}

/// The process's last line: why it ends.
func report(_ line: String) { Log.logger.critical("\(line)") }
