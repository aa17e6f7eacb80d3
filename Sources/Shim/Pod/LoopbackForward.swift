import AgentProtocol
import ControlProtocol
import LinuxSystem
import Logging
import Logs
import Runtime

/// What programs of the host's connect to on the loopback of a pod's network namespace, as containerd does for a
/// port-forward, goes to the same port of the loopback in the VM. Nothing listens in the namespace itself; so each connection
/// is taken, whatever its port, and closed where nobody listens in the VM.
final class LoopbackForward: Sendable {
    /// Connections that the VM has not taken yet, at most; others wait.
    private static let maxWaiting = 16

    private let container: String
    private let home: Home
    private let hosting: Hosting
    private let listener: OwnedDescriptor
    /// Directs connections to the listener for as long as it is open.
    private let direction: OwnedDescriptor

    /// - Parameters:
    ///   - path: the namespace's.
    ///   - container: whose network it is in the VM.
    private init(_ path: String, _ container: String, _ home: Home, _ hosting: Hosting) throws(SystemError) {
        self.container = container
        self.home = home
        self.hosting = hosting
        (listener, direction) = try NetworkNamespace(at: path).listenOnLoopback()
    }

    /// Begins to forward, until the task is cancelled; nil where the host cannot, which the log says.
    static func begin(_ path: String, to container: String, in home: Home, _ hosting: Hosting) -> Task<Void, Never>? {
        do throws(SystemError) {
            let forward = try LoopbackForward(path, container, home, hosting)
            return Task { await forward.run() }
        } catch {
            Log.logger.notice("connections to the loopback of \(path) do not reach \(container): \(error)")
            return nil
        }
    }

    private func run() async {
        await withTaskGroup(of: Void.self) { group in
            var waiting = 0
            while !Task.isCancelled {
                // An hour, as a wait has an end; then the next.
                guard await DescriptorReadiness.wait(for: listener, by: Deadline(inMilliseconds: 3_600_000)) else {
                    continue
                }
                while let connection = listener.accept() {
                    if waiting == Self.maxWaiting {
                        await group.next()
                        waiting -= 1
                    }
                    waiting += 1
                    group.addTask { await self.relay(connection) }
                }
            }
        }
    }

    private func relay(_ connection: OwnedDescriptor) async {
        let (home, container, timeouts) = (home, container, hosting.timeouts)
        do {
            try await hosting.work.runApart {
                let port = try TCPSocket.port(of: connection)
                guard let control = try home.machine.connect(timeouts: timeouts) else { return }
                // Tried once: a caller learns that nobody listens as soon as it is known.
                let request = RelayRequest(container: container, port: port, opening: .agent, timeoutInMilliseconds: 0)
                _ = try control.ask(.relay(request), descriptors: [connection])
            }
        } catch { Log.logger.debug("a connection to the loopback of \(container) is closed: \(error)") }
    }
}
