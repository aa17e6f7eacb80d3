/// A range of user or group numbers of a container's user namespace, and what they are in the guest (uid_map, user_namespaces(7)).
public struct IDMapping: Equatable, Sendable {
    /// The first number in the container.
    public var container: UInt32
    /// The first number in the guest; `IDMapping.own` in the only range: one that no other container has.
    public var guest: UInt32
    /// How many numbers; not 0.
    public var count: UInt32

    /// Stands for numbers that the agent chooses.
    public static let own = UInt32.max

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(container: UInt32, guest: UInt32, count: UInt32) {
        self.container = container
        self.guest = guest
        self.count = count
    }

    func encode(into encoder: inout MessageEncoder) {
        encoder.integer(container)
        encoder.integer(guest)
        encoder.integer(count)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.integer()
        guest = try decoder.integer()
        count = try decoder.integer()
        guard count > 0 else { throw .invalidValue(field: "id mapping", value: 0) }
    }
}

/// The numbers of a container's user namespace.
public struct UserMappings: Equatable, Sendable {
    /// Of users: at most `Limits.idMappings` ranges. None: it has no user namespace of its own.
    public var users: [IDMapping]
    /// Of groups.
    public var groups: [IDMapping]

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(users: [IDMapping] = [], groups: [IDMapping] = []) {
        self.users = users
        self.groups = groups
    }

    /// Whether there is a user namespace.
    public var isEmpty: Bool { users.isEmpty }

    func encode(into encoder: inout MessageEncoder) {
        encoder.list(users, "users' mappings", atMost: Limits.idMappings) { $1.encode(into: &$0) }
        encoder.list(groups, "groups' mappings", atMost: Limits.idMappings) { $1.encode(into: &$0) }
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        users = try decoder.list("users' mappings", atMost: Limits.idMappings) { d throws(ProtocolError) in
            try IDMapping(decoding: &d)
        }
        groups = try decoder.list("groups' mappings", atMost: Limits.idMappings) { d throws(ProtocolError) in
            try IDMapping(decoding: &d)
        }
    }
}
