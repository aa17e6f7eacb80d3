public import AgentProtocol
public import LinuxSystem
import Synchronization
import SystemPackage

/// A pod's network namespace, as a CNI plug-in has made it, led into a VM.
///
/// Beside each of its interfaces stands a tap, and all that comes in by the one leaves by the other. The interfaces stay
/// the pod's as far as the host is concerned: their other ends, addresses, port mappings and policies are CNI's. In the
/// VM the pod gets interfaces of the same names, hardware addresses, addresses and routes.
public final class PodNetwork: Sendable {
    /// For the container's specification.
    public let interfaces: [NetworkInterface]

    private let path: String
    /// The namespace goes with its container: nothing in it is given back to anybody.
    private let isContainersOwn: Bool
    private let taps: Mutex<[OwnedDescriptor]>
    private let redirections: [Redirection]

    private struct Redirection: Sendable {
        let source: Int32
        let isIngressOurs: Bool
    }

    /// Leads the namespace's interfaces to taps; on failure it is left as it was.
    ///
    /// - Parameter path: a file that stands for the namespace, such as /run/netns/NAME.
    public convenience init(namespaceAt path: String) throws(RuntimeError) {
        try self.init(path, isContainersOwn: false)
    }

    /// The same for the namespace that a process holds for one container, which may have no interfaces.
    public convenience init(of holder: NetworkHolder) throws(RuntimeError) {
        try self.init(holder.namespacePath, isContainersOwn: holder.isContainersOwn)
    }

    private init(_ path: String, isContainersOwn: Bool) throws(RuntimeError) {
        self.path = path
        self.isContainersOwn = isContainersOwn
        let namespace = try Self.open(path)
        let routing = try system { () throws(SystemError) in try RoutingSocket(namespace) }
        let found = try routing.interfaces()
        try Self.check(found, path, mayBeEmpty: isContainersOwn)
        var taps: [OwnedDescriptor] = []
        var redirections: [Redirection] = []
        do {
            for interface in found {
                let (tap, redirection) = try Self.attach(interface, namespace, routing, path)
                taps.append(tap)
                redirections.append(redirection)
            }
        } catch {
            Self.remove(redirections, routing)
            throw error
        }
        interfaces = found.map(\.description)
        self.taps = Mutex(taps)
        self.redirections = redirections
    }

    /// The taps, one for each interface, for the caller, who passes them to the VM: they are in nobody's hands but the VM's
    /// then, so that they go with it. None the second time.
    public func takeTaps() -> [OwnedDescriptor] {
        taps.withLock { taps in
            defer { taps = [] }
            return taps
        }
    }

    /// Gives the interfaces back to the namespace. A namespace that is gone has nothing to be undone.
    public func detach() {
        _ = takeTaps()
        guard let namespace = try? Self.open(path), let routing = try? RoutingSocket(namespace) else { return }
        Self.remove(redirections, routing)
    }

    /// What a later process needs to undo it: the namespace's path, and a line for each
    /// interface; empty where there is nothing to undo. (By then the path of a holder's may be another process's.)
    var note: String {
        guard !isContainersOwn else { return "" }
        return ([path] + redirections.map { "\($0.source) \($0.isIngressOurs)" }).joined(separator: "\n")
    }

    /// Undoes what a note lists, but for what another container has taken over.
    static func undo(note: String) {
        var lines = note.split(separator: "\n")[...]
        guard let path = lines.popFirst(), let namespace = try? open(String(path)),
            let routing = try? RoutingSocket(namespace)
        else { return }
        let redirections = lines.compactMap { line -> Redirection? in
            let words = line.split(separator: " ")
            guard words.count == 2, let source = Int32(words[0]), !routing.hasTap(besides: source) else { return nil }
            return Redirection(source: source, isIngressOurs: words[1] == "true")
        }
        remove(redirections, routing)
    }

    private static func remove(_ redirections: [Redirection], _ routing: RoutingSocket) {
        for redirection in redirections {
            routing.removeRedirection(from: redirection.source)
            if redirection.isIngressOurs { routing.removeIngress(from: redirection.source) }
        }
    }

    private static func open(_ path: String) throws(RuntimeError) -> NetworkNamespace {
        do { return try NetworkNamespace(at: path) } catch {
            guard error.errno == .noSuchFileOrDirectory else { throw .system(error) }
            throw .invalid("there is no network namespace \(quoted(path)); expected a path such as /run/netns/NAME")
        }
    }

    private static func check(_ found: [FoundInterface], _ path: String, mayBeEmpty: Bool) throws(RuntimeError) {
        guard mayBeEmpty || !found.isEmpty else {
            throw .invalid("the network namespace \(quoted(path)) has no Ethernet interface that is up")
        }
        guard found.count <= NetworkLimits.interfaces else {
            throw .invalid(
                "the network namespace \(quoted(path)) has \(found.count) interfaces: at most "
                    + "\(NetworkLimits.interfaces) are supported")
        }
    }

    private static func attach(
        _ interface: FoundInterface, _ namespace: NetworkNamespace, _ routing: RoutingSocket, _ path: String
    ) throws(RuntimeError) -> (OwnedDescriptor, Redirection) {
        let name = PodTap.name(forInterface: interface.index)
        let own = interface.description
        do throws(SystemError) {
            let tap = try namespace.openTap(named: name)
            let index = try routing.raiseTap(name, mtu: own.mtu)
            // What is the tap's goes with the tap.
            _ = try routing.redirect(from: index, to: interface.index, name)
            let isOurs = try routing.redirect(from: interface.index, to: index, own.name)
            return (tap, Redirection(source: interface.index, isIngressOurs: isOurs))
        } catch {
            guard error.errno == .resourceBusy else { throw .system(error) }
            throw .invalid("\(own.name) of the network namespace \(quoted(path)) is another container's already")
        }
    }
}
