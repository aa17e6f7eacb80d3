import CLinux
import Glibc
import Synchronization
import SystemPackage

// SAFETY: the C calls of this file without a reason of their own borrow a string for the call.

/// A network namespace, by a file that stands for it: /run/netns/NAME, /proc/PID/ns/net.
public final class NetworkNamespace: Sendable {
    private let descriptor: OwnedDescriptor

    public init(at path: String) throws(SystemError) {
        descriptor = try OwnedDescriptor(opening: path, flags: O_RDONLY)
    }

    /// A routing socket (rtnetlink(7)) that sees and changes this namespace, in any thread.
    public func openRouting() throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(taking: try checked(within { clinux_open_routing() }, "open a routing socket"))
    }

    /// A new tap interface in this namespace, as the VM's network device wants it; it goes with its last descriptor.
    ///
    /// - Throws: `.resourceBusy` where there is one of this name.
    public func openTap(named name: String) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(taking: try checked(within { unsafe clinux_open_tap(name) }, "make the tap interface \(name)"))
    }

    /// A socket that gets all TCP connections to this namespace's loopback, whatever their port, which is the local one of
    /// what is accepted; until it is closed, or what is returned with it.
    public func listenOnLoopback() throws(SystemError) -> (listener: OwnedDescriptor, direction: OwnedDescriptor) {
        // One of IPv6 takes both, where there is IPv6.
        var made = try within { unsafe clinux_listen_tcp("::", 0, 128) }
        if made < 0 { made = try within { unsafe clinux_listen_tcp("0.0.0.0", 0, 128) } }
        let listener = OwnedDescriptor(taking: try checked(made, "listen in a network namespace"))
        let direction = try within { [listener] in clinux_direct_loopback(listener.rawValue) }
        return (
            listener, OwnedDescriptor(taking: try checked(direction, "direct a loopback to one socket (sk_lookup)"))
        )
    }

    /// The result of a call that a thread of its own makes in the namespace: no other thread ever leaves its own.
    private func within(_ call: @escaping @Sendable () -> CInt) throws(SystemError) -> CInt {
        try Self.apart({ [descriptor] in clinux_enter_network(descriptor.rawValue) }, call)
    }

    /// The result of a call that a thread of its own makes, once it has left the namespace of the others.
    fileprivate static func apart(
        _ enter: @escaping @Sendable () -> CInt, _ call: @escaping @Sendable () -> CInt
    ) throws(SystemError) -> CInt {
        let outcome = Outcome()
        let thread = try Thread(named: "netns") {
            let entered = enter()
            let result = entered < 0 ? 0 : call()
            outcome.values.withLock { $0 = (entered, result) }
        }
        thread.join()
        let (entered, result) = outcome.values.withLock { $0 }
        try checked(entered, "enter a network namespace")
        return result
    }

    /// Starts a program in this namespace.
    public func start(_ program: ProcessLaunch) throws(SystemError) -> ChildProcess {
        try program.started(within)
    }

    private final class Outcome: Sendable {
        let values = Mutex<(entered: CInt, result: CInt)>((0, 0))
    }
}

extension ProcessLaunch {
    /// Starts it in a new network namespace, which is its own and its children's.
    public func startInNewNetwork() throws(SystemError) -> ChildProcess {
        try started { call throws(SystemError) in try NetworkNamespace.apart(clinux_new_network, call) }
    }

    /// A child belongs to all threads, but has the namespace of the one that started it.
    fileprivate func started(
        _ apart: (@escaping @Sendable () -> CInt) throws(SystemError) -> CInt
    ) throws(SystemError) -> ChildProcess {
        let result = try apart {
            do throws(SystemError) { return try start().id } catch { return -error.errno.rawValue }
        }
        return ChildProcess(id: try checked(result, "run \(program)"))
    }
}
