/// The option words of a mount (runtime-spec config.md, "Linux mount options"), sorted.
struct MountOptions {
    /// MS_… flags of mount(2).
    private(set) var flags: UInt64 = 0
    private(set) var propagation: UInt64 = 0
    /// 0 no bind mount, 1 `bind`, 2 `rbind`.
    private(set) var bind = 0
    /// What the file system itself takes.
    private(set) var data: [String] = []

    private static let setting: [String: UInt64] = [
        "ro": 1, "nosuid": 2, "nodev": 4, "noexec": 8, "noatime": 1 << 10, "nodiratime": 1 << 11, "relatime": 1 << 21,
        "strictatime": 1 << 24,
    ]
    /// They undo what an earlier word has set, or say what is so anyway.
    private static let clearing: [String: UInt64] = [
        "rw": 1, "suid": 2, "dev": 4, "exec": 8, "atime": 1 << 10, "diratime": 1 << 11, "norelatime": 1 << 21,
        "nostrictatime": 1 << 24, "defaults": 0, "async": 0, "loud": 0, "nomand": 0, "noiversion": 0, "nolazytime": 0,
    ]
    private static let recursive: UInt64 = 1 << 14
    private static let propagations: [String: UInt64] = [
        "private": 1 << 18, "slave": 1 << 19, "shared": 1 << 20, "unbindable": 1 << 17,
        "rprivate": 1 << 18 | recursive, "rslave": 1 << 19 | recursive, "rshared": 1 << 20 | recursive,
        "runbindable": 1 << 17 | recursive,
    ]
    /// What each file system takes, by the part before `=`.
    private static let known: [String: Set<String>] = [
        "tmpfs": ["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks"],
        "devpts": ["newinstance", "ptmxmode", "mode", "uid", "gid", "max"],
        "proc": ["hidepid", "gid", "subset"],
        "sysfs": [], "mqueue": [], "cgroup": [], "cgroup2": [],
    ]

    init(_ words: [String], fileSystem: String, setting: String) throws(SpecificationError) {
        for word in words {
            if let flag = Self.setting[word] {
                flags |= flag
            } else if let flag = Self.clearing[word] {
                flags &= ~flag
            } else if let kind = Self.propagations[word] {
                propagation = kind
            } else if word == "bind" || word == "rbind" {
                bind = word == "bind" ? 1 : 2
            } else {
                try add(word, fileSystem, setting)
            }
        }
    }

    private mutating func add(_ word: String, _ fileSystem: String, _ setting: String) throws(SpecificationError) {
        let name = String(word.prefix { $0 != "=" })
        guard Self.known[fileSystem]?.contains(name) == true, !word.contains(",") else {
            throw .unsupported(
                setting: "\(setting) option", value: word, reason: "czone does not know it for \(fileSystem)")
        }
        data.append(word)
    }

    /// Whether others shall see what is mounted below.
    var isShared: Bool { propagation & Self.propagations["shared", default: 0] != 0 }

    /// `linux.rootfsPropagation` as mount(2) flags.
    static func propagation(ofRoot word: String?) throws(SpecificationError) -> UInt64 {
        guard let word, !word.isEmpty else { return 0 }
        guard let flags = propagations[word] else {
            throw .invalid(
                setting: "linux.rootfsPropagation", value: word, expected: "private, slave, shared or unbindable")
        }
        return flags
    }
}
