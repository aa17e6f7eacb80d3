import ControlProtocol
import Definitions
import FabricPolicies
import FabricProtocol
import LinuxSystem

/// Reads policies for the clients that start containers, as a process of its own (`czone-fabric policy FILE NAME`).
public enum PolicyReader {
    /// The bytes of a reply: the policy, or why it is refused.
    public static func reply(_ file: String, name: String) throws -> [UInt8] {
        let reply: FabricReply
        do throws(DefinitionError) { reply = .policy(try read(file, name)) } catch { reply = .refused("\(error)") }
        return try ControlFrame(request: 0, content: reply).bytes()
    }

    private static func read(_ file: String, _ name: String) throws(DefinitionError) -> PolicySummary {
        func failure(_ text: String) -> DefinitionError {
            DefinitionError(file: file, line: nil, field: "", text: text)
        }
        let bytes: [UInt8]?
        do { bytes = try FileSystem.contents(of: file, atMost: FabricPolicy.maxBytes + 1) } catch {
            throw failure("cannot be read: \(error)")
        }
        guard let bytes else { throw failure("is not there: there is no policy \(quoted(name))") }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw failure("is no UTF-8") }
        return PolicySummary(try FabricPolicy(yaml: text, name: name, file: file), text: text)
    }
}

extension PolicySummary {
    fileprivate init(_ policy: FabricPolicy, text: String) {
        self.init(name: policy.name, text: text)
        tenants = policy.tenants
        services = policy.services.map { service in
            Service(
                name: service.name, regions: service.regions, buckets: service.buckets,
                endpoint: service.endpoint?.description)
        }
        if case .file(let path, _) = policy.credentials { keyFile = path }
        environment = policy.environment
        port = policy.port
        maxConnections = UInt32(policy.maxConnections)
        timeoutInMilliseconds = UInt64(policy.timeoutInMilliseconds)
    }
}
