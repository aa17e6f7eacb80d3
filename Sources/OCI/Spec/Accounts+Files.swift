import SystemPackage

extension Accounts {
    /// More than any real file of accounts has; what is longer is taken for none.
    private static let maxBytes = 4 << 20

    /// Reads the accounts of a root file system. Files that are missing, or no files, count as empty.
    init(of tree: FileTree) throws(OCIError) {
        let passwd = try tree.content(of: "etc/passwd", atMost: Self.maxBytes) ?? []
        let group = try tree.content(of: "etc/group", atMost: Self.maxBytes) ?? []
        self.init(passwd: String(decoding: passwd, as: UTF8.self), group: String(decoding: group, as: UTF8.self))
    }
}
