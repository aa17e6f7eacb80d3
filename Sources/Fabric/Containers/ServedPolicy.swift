import FabricPolicies
import NIOCore

/// A policy that containers are served by: what they have in common. Any thread may use it.
final class ServedPolicy: Sendable {
    let policy: FabricPolicy
    let credentials: CredentialFile
    let upstream: Upstream
    let quota = RetryQuota()

    init(
        _ policy: FabricPolicy, credentials: CredentialFile, on eventLoop: any NIOCore.EventLoop, resolver: Resolver
    ) throws {
        self.policy = policy
        self.credentials = credentials
        upstream = Upstream(on: eventLoop, resolver: resolver)
        for service in policy.services { try upstream.prepare(service) }
    }
}
