public import FabricProtocol
import Glibc
import LinuxSystem

/// A policy that a container is to have, with its keys. It is read by the client that starts the container: the
/// tenant's fabric has no right to the host's files.
public struct FabricAccess: Sendable {
    public let policy: PolicySummary
    /// A file of the keys.
    let credentials: OwnedDescriptor

    /// The variables that keys may be in.
    private static let variables = [
        "aws_access_key_id": "AWS_ACCESS_KEY_ID", "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
        "aws_session_token": "AWS_SESSION_TOKEN",
    ]

    /// Reads a policy by its name.
    /// - Throws: where it is not there, not the tenant's, wrong, or without keys.
    public init(_ name: String, tenant: String, in directory: PolicyDirectory = PolicyDirectory()) throws(RuntimeError)
    {
        policy = try directory.policy(name)
        guard policy.allows(tenant: tenant) else {
            throw .invalid(
                "the policy \(quoted(name)) is none of the tenant \(quoted(tenant))'s: see `tenants` of it in \(directory.path)"
            )
        }
        credentials = try Self.open(policy)
    }

    private static func open(_ policy: PolicySummary) throws(RuntimeError) -> OwnedDescriptor {
        if let path = policy.keyFile {
            do { return try OwnedDescriptor(opening: path, flags: O_RDONLY) } catch {
                throw .invalid("the keys of the policy \(quoted(policy.name)) cannot be read: \(error)")
            }
        }
        var text = "[default]\n"
        for (name, variable) in variables.sorted(by: { $0.key < $1.key }) {
            if let value = CurrentProcess.environment(variable) { text += "\(name) = \(value)\n" }
        }
        let bytes = Array(text.utf8)
        return try system { () throws(SystemError) in
            let file = try MemoryFile.growing(name: "keys")
            try file.write(all: bytes, at: 0)
            return file
        }
    }

    /// What a container's environment gets besides its own: nothing of that is replaced.
    func added(to environment: [String]) -> [String] {
        policy.environment.filter { word in
            let name = word.prefix { $0 != "=" }
            return !environment.contains { $0.hasPrefix("\(name)=") }
        }
    }
}
