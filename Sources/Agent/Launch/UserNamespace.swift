/// A container's user namespace, as its process needs it on the way to its program: the process sets everything up with the
/// agent's rights, so that what it makes is owned by the container's root, and enters the namespace last.
struct UserNamespace {
    /// /proc/PID/ns/user. Open until the process executes its program.
    let descriptor: Int32
    let mappings: UserMappings

    /// Those of a process that runs.
    init(of process: Int32, _ mappings: UserMappings) throws(Failure) {
        let path = "/proc/\(process)/ns/user"
        let raw = Kernel.open(path, OpenFlag.read)
        descriptor = try check(raw, .namespaces, "open \(path)")
        self.mappings = mappings
    }

    /// A new one, and namespaces of these kinds that belong to it, which the caller is in afterwards. A child of ours makes
    /// them, and is gone then.
    init(making kinds: UInt64, _ mappings: UserMappings) throws(Failure) {
        let (ours, its) = try Kernel.makeChannel()
        switch try Kernel.clone(namespaces: NamespaceFlag.user | kinds, controlGroup: -1) {
        case .child:
            Kernel.closeAll(but: [its.rawValue])
            var byte: [UInt8] = [0]
            _ = Kernel.receive(its.rawValue, into: &byte)
            Kernel.exit(0)
        case .parent(let process, let child):
            // Its number in the agent's /proc, wherever we are.
            let number = Int32(truncatingIfNeeded: TextFile("/proc/self/fdinfo/\(child.rawValue)").number(after: "Pid"))
            let directory = "/proc/\(number)"
            try writeValue(UserNamespace.text(mappings.users), to: directory + "/uid_map", .namespaces)
            try writeValue(UserNamespace.text(mappings.groups), to: directory + "/gid_map", .namespaces)
            try self.init(of: number, mappings)
            if kinds != 0 {
                try check(
                    Kernel.enterNamespaces(child.rawValue, kinds), .namespaces,
                    "enter the user namespace's own namespaces")
            }
            _ = Kernel.send(ours.rawValue, [1])
            Kernel.await(process)
        }
    }

    private static func text(_ mappings: [IDMapping]) -> String {
        var text = ""
        for mapping in mappings { text += "\(mapping.container) \(mapping.guest) \(mapping.count)\n" }
        return text
    }

    /// What is made from now on belongs to the container's root.
    func own() throws(Failure) {
        try check(
            Kernel.setOwner(user: mappings.user(0), group: mappings.group(0)), .credentials,
            "own files as the container's root")
    }

    func enter() throws(Failure) {
        try check(Kernel.enterNamespaces(descriptor, NamespaceFlag.user), .namespaces, "enter the user namespace")
    }
}

extension UserMappings {
    /// What a user of the container is in the guest; of one that is not mapped, what shows as nobody.
    func user(_ id: UInt32) -> UInt32 { UserMappings.find(id, in: users) }
    func group(_ id: UInt32) -> UInt32 { UserMappings.find(id, in: groups) }

    private static func find(_ id: UInt32, in mappings: [IDMapping]) -> UInt32 {
        guard !mappings.isEmpty else { return id }
        for mapping in mappings where id >= mapping.container && id - mapping.container < mapping.count {
            return mapping.guest &+ (id - mapping.container)
        }
        return 65534
    }

    /// Where the host leaves the choice: 65536 numbers that no other container has.
    func chosen(for container: ContainerNumber) -> UserMappings {
        var chosen = self
        let first = 0x1_0000 * (1 + container.rawValue % 0x7FFF)
        for index in chosen.users.indices where chosen.users[index].guest == IDMapping.own {
            chosen.users[index].guest = first
        }
        for index in chosen.groups.indices where chosen.groups[index].guest == IDMapping.own {
            chosen.groups[index].guest = first
        }
        return chosen
    }

    /// A file system's options with the container's numbers in `uid=` and `gid=` as the guest's.
    func translated(_ options: String) -> String {
        guard !isEmpty else { return options }
        var words: [String] = []
        for word in options.utf8.split(separator: UInt8(ascii: ",")) {
            let bytes = [UInt8](word)
            let id = UInt32(truncatingIfNeeded: TextFile.number(in: bytes.dropFirst(4)))
            if bytes[...].starts(with: "uid=") {
                words.append("uid=\(user(id))")
            } else if bytes[...].starts(with: "gid=") {
                words.append("gid=\(group(id))")
            } else {
                words.append(String(decoding: bytes, as: UTF8.self))
            }
        }
        var text = ""
        for word in words { text += (text.utf8.isEmpty ? "" : ",") + word }
        return text
    }
}
