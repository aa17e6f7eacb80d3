public import AgentProtocol
import OCI

extension UserMappings {
    /// A host's number that stands for numbers that no other container of the VM has.
    public static let ownNumbers = IDMapping.own

    /// The user namespace of a container: numbers of the specification's host are the guest's, whose host the VM is.
    init(of linux: RuntimeSpec.Linux) throws(SpecificationError) {
        self.init(
            users: try Self.ranges(linux.uidMappings ?? [], "linux.uidMappings"),
            groups: try Self.ranges(linux.gidMappings ?? [], "linux.gidMappings"))
        let hasNamespace = linux.namespaces?.contains { $0.type == "user" } == true
        guard users.isEmpty == groups.isEmpty, users.isEmpty || hasNamespace else {
            throw .invalid(
                setting: "linux.uidMappings, linux.gidMappings", value: "\(users.count), \(groups.count)",
                expected: "both, and a user namespace among linux.namespaces")
        }
        guard !hasNamespace || !users.isEmpty else { throw .missing(setting: "linux.uidMappings") }
    }

    private static func ranges(
        _ mappings: [RuntimeSpec.IDMapping], _ setting: String
    ) throws(SpecificationError) -> [AgentProtocol.IDMapping] {
        guard mappings.count <= Limits.idMappings else {
            throw .invalid(
                setting: setting, value: "\(mappings.count)", expected: "at most \(Limits.idMappings) ranges")
        }
        var ranges: [AgentProtocol.IDMapping] = []
        for mapping in mappings {
            let isOwn = mapping.hostID == ownNumbers && mappings.count == 1
            let hasRoom = { (first: UInt32) in UInt64(first) + UInt64(mapping.size) <= UInt64(UInt32.max) }
            guard mapping.size > 0, hasRoom(mapping.containerID), isOwn || hasRoom(mapping.hostID) else {
                throw .invalid(
                    setting: setting, value: "\(mapping.containerID) \(mapping.hostID) \(mapping.size)",
                    expected: "a range of at least one number below 4294967295")
            }
            ranges.append(
                AgentProtocol.IDMapping(container: mapping.containerID, guest: mapping.hostID, count: mapping.size))
        }
        return ranges
    }
}
