import ArgumentParser
import LinuxSystem
import Logging
import Logs
import Runtime
import SystemPackage

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serves functions in the foreground: containers come and go with the requests.",
        discussion: "docs/functions.md says how a function is defined. Until SIGTERM or SIGINT.")

    @OptionGroup var global: GlobalOptions
    @Option(
        help: ArgumentHelp(
            "ADDRESS:PORT, or PORT of the loopback interface; may be repeated. By default 8080.", valueName: "address"))
    var listen: [String] = []
    @Option(help: "The directory of definitions, by default /etc/czone/functions.", completion: .directory)
    var functions: String?
    @Option(help: "The directory of functions' logs, by default /var/log/czone/functions.", completion: .directory)
    var logs: String?
    @Option(help: "A file that gets a JSON object for each request.", completion: .file())
    var accessLog: String?
    @Option(help: "A file of lines TENANT TOKEN: callers must bring one.", completion: .file())
    var tokens: String?
    @Option(help: "A PEM file: callers come by TLS.", completion: .file())
    var certificate: String?
    @Option(help: "The certificate's key, in a PEM file.", completion: .file())
    var key: String?
    @Option(help: "zones, or vm for a VM of its own for each container: what others do, for comparison.")
    var isolation: String?
    @Option(help: "The path of the administration socket.", completion: .file())
    var socket: String?
    @Option(help: "How many callers may be connected at a time.")
    var maxConnections: Int?

    func run() throws {
        try global.perform {
            let program = try Artefacts().gateway().string
            throw CurrentProcess.become(program, arguments: [program] + arguments)
        }
    }

    /// As `czone-gateway` takes them.
    private var arguments: [String] {
        var words = listen.flatMap { ["--listen", $0] }
        for (name, value) in [
            ("functions", functions), ("logs", logs), ("access-log", accessLog), ("tokens", tokens),
            ("certificate", certificate), ("key", key), ("isolation", isolation),
            ("socket", socket),
            ("max-connections", maxConnections.map { "\($0)" }), ("log-level", global.logLevel?.rawValue),
            ("log-format", global.logFormat?.rawValue), ("root", global.root), ("store", global.store),
        ] {
            if let value { words += ["--\(name)", value] }
        }
        return words
    }
}
