import LeanJSON

extension StoredImage {
    /// Reads the description that `encode` wrote; nil when it is none. This is what every start of a container does.
    init?(description bytes: [UInt8]) {
        guard let json = JSONValue(bytes), let digest = json["digest"]?.text.flatMap({ Digest($0) }),
            let name = json["name"]?.text,
            let origin = json["origin"]?.text, let config = json["config"],
            let accounts = json["accounts"].flatMap(Accounts.init(json:)),
            let size = json["erofsSizeInBytes"]?.number.flatMap(UInt64.init(exactly:)),
            let imported = json["imported"]?.number
        else { return nil }
        self.init(
            digest: digest, name: name, origin: origin, config: ImageConfig(json: config), accounts: accounts,
            erofsSizeInBytes: size, created: json["created"]?.text, imported: imported)
    }
}

extension ImageConfig {
    fileprivate init(json: JSONValue) {
        func texts(_ key: CodingKeys) -> [String]? { json[key.rawValue]?.elements?.compactMap(\.text) }
        func names(_ key: CodingKeys) -> [String]? { json[key.rawValue]?.members?.keys.sorted() }
        self.init(
            entrypoint: texts(.entrypoint), cmd: texts(.cmd), env: texts(.env),
            workingDir: json[CodingKeys.workingDir.rawValue]?.text,
            user: json[CodingKeys.user.rawValue]?.text)
        exposedPorts = names(.exposedPorts)
        volumes = names(.volumes)
        labels = json[CodingKeys.labels.rawValue]?.members?.compactMapValues(\.text)
        stopSignal = json[CodingKeys.stopSignal.rawValue]?.text
    }
}

extension Accounts {
    fileprivate init?(json: JSONValue) {
        guard let users = json["users"]?.elements, let groups = json["groups"]?.elements else { return nil }
        self.init(users: users.compactMap(User.init(json:)), groups: groups.compactMap(Group.init(json:)))
    }
}

extension Accounts.User {
    fileprivate init?(json: JSONValue) {
        guard let name = json["name"]?.text, let home = json["home"]?.text,
            let uid = json["uid"]?.number.flatMap(UInt32.init(exactly:)),
            let gid = json["gid"]?.number.flatMap(UInt32.init(exactly:))
        else { return nil }
        self.init(name: name, uid: uid, gid: gid, home: home)
    }
}

extension Accounts.Group {
    fileprivate init?(json: JSONValue) {
        guard let name = json["name"]?.text, let gid = json["gid"]?.number.flatMap(UInt32.init(exactly:)) else {
            return nil
        }
        self.init(name: name, gid: gid, members: json["members"]?.elements?.compactMap(\.text) ?? [])
    }
}
