/// The users of a container, as its /etc/passwd has them at this time (passwd(5)). The file is the container's: one that is
/// no file, or makes no sense, has no users.
struct Accounts {
    /// More than any real one has; what is behind that is not looked at.
    private static let maxBytes = 1 << 20

    private let bytes: [UInt8]

    init(in root: ContainerRoot) {
        // A pipe without a writer must not be waited for.
        let raw = root.open("/etc/passwd", OpenFlag.read | OpenFlag.nonblocking)
        guard raw >= 0 else {
            bytes = []
            return
        }
        let file = Descriptor(taking: raw)
        let isFile = Kernel.mode("", in: file.rawValue) & 0o170000 == 0o100000
        bytes = isFile ? TextFile.contents(of: file.rawValue, atMost: Self.maxBytes) : []
    }

    /// The home directory of a user; the root for one that is not known, or has none.
    func home(of user: UInt32) -> [UInt8] {
        let number = [UInt8]("\(user)".utf8)
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            guard fields.count >= 6, !fields[0].isEmpty, fields[2].elementsEqual(number) else { continue }
            return fields[5].isEmpty ? [UInt8(ascii: "/")] : [UInt8](fields[5])
        }
        return [UInt8(ascii: "/")]
    }
}
