/// The users and groups of an image, from its /etc/passwd and /etc/group (passwd(5), group(5)). They are read once, at
/// import, so that a start needs no look into the root file system.
public struct Accounts: Codable, Hashable, Sendable {
    /// In the file's order.
    public var users: [User]
    /// In the file's order.
    public var groups: [Group]

    /// A line of passwd(5).
    public struct User: Codable, Hashable, Sendable {
        /// Its first field.
        public var name: String
        /// Its number.
        public var uid: UInt32
        /// The main group's number.
        public var gid: UInt32
        /// Its home directory; may be empty.
        public var home: String
    }

    /// A line of group(5).
    public struct Group: Codable, Hashable, Sendable {
        /// Its first field.
        public var name: String
        /// Its number.
        public var gid: UInt32
        /// Names of users that are in it beside those whose main group it is.
        public var members: [String]
    }

    public init(users: [User] = [], groups: [Group] = []) {
        self.users = users
        self.groups = groups
    }

    /// Reads both files' text. Lines that are no entries are skipped, as the C library does.
    public init(passwd: String, group: String) {
        users = Self.lines(passwd).compactMap { fields in
            guard fields.count >= 6, !fields[0].isEmpty, let uid = UInt32(fields[2]), let gid = UInt32(fields[3]) else {
                return nil
            }
            return User(name: String(fields[0]), uid: uid, gid: gid, home: String(fields[5]))
        }
        groups = Self.lines(group).compactMap { fields in
            guard fields.count >= 3, !fields[0].isEmpty, let gid = UInt32(fields[2]) else { return nil }
            let members = fields.count > 3 ? fields[3].split(separator: ",").map(String.init) : []
            return Group(name: String(fields[0]), gid: gid, members: members)
        }
    }

    private static func lines(_ text: String) -> [[Substring]] {
        text.split(separator: "\n").map { $0.split(separator: ":", omittingEmptySubsequences: false) }
    }

    /// The user and groups that a process runs as.
    public struct Identity: Hashable, Sendable {
        /// The user.
        public var uid: UInt32
        /// The primary group.
        public var gid: UInt32
        /// The supplementary groups, the primary one among them: without it, a process that gave up its primary group
        /// would pass where a file's mode denies that group.
        public var supplementaryGids: [UInt32]
        /// The home directory; `/` where there is none.
        public var home: String
    }

    /// Looks up `user`, `uid`, `user:group`, `uid:gid` and so on; nothing means root (OCI image spec 1.1, config.md,
    /// "User"). A name must be in the image's files; a number need not.
    public func identity(of text: String) throws(OCIError) -> Identity {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let userText = parts[0].isEmpty ? "0" : parts[0]
        let entry =
            users.first { $0.name == userText } ?? UInt32(userText).flatMap { uid in users.first { $0.uid == uid } }
        guard let uid = entry?.uid ?? UInt32(userText) else {
            throw .unknownAccount("user \(userText)", expected: expectation(users.map(\.name)))
        }
        let home = entry.flatMap { $0.home.isEmpty ? nil : $0.home } ?? "/"
        if parts.count == 2, !parts[1].isEmpty {
            guard let gid = groups.first(where: { $0.name == parts[1] })?.gid ?? UInt32(parts[1]) else {
                throw .unknownAccount("group \(parts[1])", expected: expectation(groups.map(\.name)))
            }
            return Identity(uid: uid, gid: gid, supplementaryGids: [gid], home: home)
        }
        let gid = entry?.gid ?? 0
        let joined = entry.map { user in groups.filter { $0.members.contains(user.name) }.map(\.gid) } ?? []
        return Identity(uid: uid, gid: gid, supplementaryGids: [gid] + joined.filter { $0 != gid }, home: home)
    }

    /// The home directory of a user number, `/` when the image does not know it.
    public func home(ofUID uid: UInt32) -> String {
        users.first { $0.uid == uid && !$0.home.isEmpty }?.home ?? "/"
    }

    private func expectation(_ names: [String]) -> String {
        names.isEmpty
            ? "a number"
            : "a number or one of \(names.prefix(12).joined(separator: ", "))\(names.count > 12 ? ", …" : "")"
    }
}
