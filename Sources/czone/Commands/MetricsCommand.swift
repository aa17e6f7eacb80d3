import ArgumentParser
import Glibc
import LinuxSystem
import Runtime

struct MetricsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics", abstract: "What all VMs have counted, for Prometheus.",
        discussion: "docs/metrics.md lists the names. With --listen the command goes on until it is ended.")

    @OptionGroup var global: GlobalOptions
    @Option(
        help: ArgumentHelp(
            "Answer GET /metrics at HOST:PORT, or at PORT of the loopback interface, instead of printing.",
            valueName: "address"))
    var listen: ListenAddress?

    func run() throws {
        try global.perform {
            let registry = try global.registry()
            let collect = { MetricsText.bytes(of: try MeasuredMachine.all(in: registry)) }
            guard let listen else { return printOutput(try collect()) }
            // A reader that has gone is an error of that write, not the end of the command.
            signal(SIGPIPE, SIG_IGN)
            let socket = try TCPSocket.listen(at: listen.host, port: listen.port)
            if listen.port == 0 { printOutput("listening at port \(try TCPSocket.port(of: socket))") }
            try MetricsServer(on: socket, collect: collect).run()
        }
    }
}
