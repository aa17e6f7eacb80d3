// Threads: one event loop carries every exchange, so pieces of bodies are handed on without a lock; two threads ask the host's
// resolver. What is shared has a lock of its own, never held while anything else is called.

import ControlChannel
import FabricPolicies
public import FabricProtocol
public import LinuxSystem
import Logging
import Logs
public import NIOCore
import NIOPosix
import Synchronization

/// A tenant's fabric: carries requests of the tenant's containers to services that policies name, signed with keys that no
/// container has. Any thread may use it.
public final class Fabric: Sendable {
    private struct State {
        var containers: [String: FabricContainer] = [:]
        var policies: [String: (text: String, served: ServedPolicy)] = [:]
    }

    private let tenant: String
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let resolver = Resolver()
    private let state = Mutex(State())
    /// Called after a container has come or gone.
    private let onChange: @Sendable () -> Void

    public init(tenant: String, onChange: @escaping @Sendable () -> Void = {}) {
        self.tenant = tenant
        self.onChange = onChange
    }

    public var isIdle: Bool { state.withLock { $0.containers.isEmpty } }

    /// Serves a container from now on; answered when it can connect.
    ///
    /// - Parameters:
    ///   - attachment: what the client says of it.
    ///   - machine: a connection to its VM's control socket.
    ///   - credentials: a file of the policy's keys.
    public func attach(
        _ attachment: FabricAttachment, machine: OwnedDescriptor, credentials: OwnedDescriptor
    ) -> EventLoopFuture<Void> {
        let eventLoop = group.next()
        do {
            let served = try served(attachment, credentials, on: eventLoop)
            let client = try ControlClient.adopt(machine, on: eventLoop)
            let container = FabricContainer(attachment.container, served, machine: client)
            return container.listen().map { [self] in admit(container) }.flatMapErrorThrowing { error in
                container.finish()
                throw error
            }
        } catch { return eventLoop.makeFailedFuture(error) }
    }

    private func admit(_ container: FabricContainer) {
        let former = state.withLock { $0.containers.updateValue(container, forKey: container.id) }
        former?.finish()
        container.ended.whenSuccess { [self] in
            state.withLock { state in
                if state.containers[container.id] === container { state.containers[container.id] = nil }
            }
            onChange()
        }
        onChange()
    }

    /// The policy as it is now; containers that came before stay with theirs.
    private func served(
        _ attachment: FabricAttachment, _ credentials: OwnedDescriptor, on eventLoop: any NIOCore.EventLoop
    ) throws -> ServedPolicy {
        if let known = state.withLock({ $0.policies[attachment.policy] }), known.text == attachment.text {
            try known.served.credentials.replace(credentials)
            return known.served
        }
        let policy = try FabricPolicy(yaml: attachment.text, name: attachment.policy, file: attachment.policy)
        guard policy.allows(tenant: tenant) else {
            throw StoreFault.denied("the policy \(policy.name) is none of the tenant \(tenant)'s")
        }
        let profile = if case .file(_, let profile) = policy.credentials { profile } else { "default" }
        let served = try ServedPolicy(
            policy, credentials: CredentialFile(credentials, profile: profile), on: eventLoop, resolver: resolver)
        state.withLock { $0.policies[policy.name] = (attachment.text, served) }
        return served
    }

    public var description: FabricDescription {
        let containers = state.withLock { Array($0.containers.values) }.map(\.counters.description)
        return FabricDescription(
            cpuNanoseconds: ProcessTime.nanoseconds,
            containers: Array(containers.sorted { $0.id < $1.id }.prefix(FabricDescription.maxContainers)))
    }

    /// Ends all that it serves. A process ends without.
    func close() async {
        let (containers, policies) = state.withLock { ($0.containers, $0.policies) }
        for container in containers.values { container.finish() }
        for policy in policies.values { policy.served.upstream.close() }
        resolver.close()
        try? await group.shutdownGracefully()
    }
}
