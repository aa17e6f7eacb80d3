import ControlProtocol
import FileShare
import Glibc
import Jail
import LinuxSystem
import Logging
import Logs

/// `czone-files`: the process that serves a VM's volumes. It has the right to the host's files that the VM has not, and of
/// the host only what it is given descriptors of. It ends with its VM.
enum FileServerProcess {
    static func run(_ arguments: FileServerArguments) throws {
        // A VM that has gone is an error of that write, not a signal.
        signal(SIGPIPE, SIG_IGN)
        CurrentProcess.setThreadName("czone-files")
        let descriptors = try CurrentProcess.raiseDescriptorLimit()
        let filter = try ThreadFilter(.fileServer)
        try Confinement.watchFilters()
        let confinement = Confinement(.fileServer, arguments.isReduced ? .reduced : .full)
        var made: FileServer?
        let failures = try confinement.enter(maxDescriptors: descriptors) { () throws(SystemError) in
            made = try FileServer(maxDescriptors: descriptors)
        }
        for failure in failures { Log.logger.warning("\(failure)") }
        guard let server = made else { throw NoFileServer() }
        let complaints = FileServerConnection.Complaints(of: server)
        let connections = arguments.connections.map {
            FileServerConnection(OwnedDescriptor(taking: $0), server, complaints)
        }
        let barrier = try Barrier(for: connections.count)
        let serve: @Sendable (FileServerConnection) -> Void = { connection in
            FileServer.prepareThread()
            do { try filter.install() } catch {
                report("a file server's thread has no filter: \(error)")
                if !arguments.isReduced { exit(1) }
            }
            barrier.wait()
            connection.serve()
            exit(0)
        }
        for connection in connections.dropFirst() { _ = try Thread(named: "czone-files") { serve(connection) } }
        if let first = connections.first { serve(first) }
    }
}

/// What its jail lacks leaves nothing to serve files by.
struct NoFileServer: Error, CustomStringConvertible {
    let description = "no file server: it has no /proc/self/fd"
}
