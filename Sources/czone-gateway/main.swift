import Gateway
import Glibc
import Logging
import Logs

/// The gateway of a node: serves functions until SIGTERM or SIGINT.
Log.begin(program: "czone-gateway")
Log.choices.level = .info
Log.choose(level: nil, format: nil)

do {
    let options = try GatewayOptions(Array(CommandLine.arguments.dropFirst()))
    Log.choose(level: options.logLevel, format: options.logFormat)
    try await Gateway(options).run()
} catch let error as UsageError {
    report("\(error)")
    exit(2)
} catch {
    report("\(error)")
    exit(1)
}

/// The process's last line: why it ends.
func report(_ line: String) { Log.logger.critical("\(line)") }
