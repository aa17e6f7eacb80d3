import Glibc
import LinuxSystem
import SystemPackage

/// How much of what a container prints is kept, named as docker names it: `max-size` and `max-file`.
public struct LogOptions: Equatable, Sendable {
    /// A file that would be longer is followed by the next one, in bytes.
    public var maxFileBytes: UInt64 = 16 << 20
    /// Files; the oldest one is emptied for what comes.
    public var maxFiles = 3

    /// 16 MiB in each of 3 files.
    public init() {}

    private static let fileRange = 1...8
    private static let sizeRange: ClosedRange<UInt64> = (64 << 10)...(1 << 40)

    /// Changes what words like `max-size=8M` or `max-file=5` name.
    /// - Throws: `RuntimeError.invalid` naming the word that makes no sense.
    public mutating func set(_ word: String, origin: String) throws(RuntimeError) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        switch (parts.first, parts.last) {
        case ("max-size"?, let value?) where parts.count == 2:
            guard let size = ByteSize(String(value)), Self.sizeRange.contains(size.bytes) else {
                throw .invalid("\(origin): max-size is \(quoted(String(value))), expected a size from 64K to 1T")
            }
            maxFileBytes = size.bytes
        case ("max-file"?, let value?) where parts.count == 2:
            guard let count = Int(value), Self.fileRange.contains(count) else {
                throw .invalid("\(origin): max-file is \(quoted(String(value))), expected a number from 1 to 8")
            }
            maxFiles = count
        default:
            throw .invalid("\(origin): \(quoted(word)) is no log option: expected max-size=SIZE or max-file=COUNT")
        }
    }
}

/// Containers' logs on the disk: a directory for each container, `<store>/logs/<registry>/<id>.<random>`, with the
/// files `log`, `log.1` and so on, which are written in turn. A container's record names its directory before it is made.
struct ContainerLogs {
    private let registry: Registry
    private let root: String

    /// - Parameter images: the store's images, beside which logs are.
    init(of registry: Registry, besides images: FilePath) {
        self.registry = registry
        // Registries may share a store.
        let name = registry.root.components.map { $0.string.split(separator: "+", omittingEmptySubsequences: false) }
            .map { $0.joined(separator: "++") }.joined(separator: "+")
        root = images.removingLastComponent().appending("logs").appending(name).string
    }

    /// A name for a container's directory.
    func directory(of id: String) -> String { "\(root)/\(id).\(Registry.freshID())" }

    /// Makes a container's directory and its empty files, the first to be written first.
    func make(_ directory: String, _ options: LogOptions) throws(RuntimeError) -> [OwnedDescriptor] {
        try sweepOnce()
        return try system { () throws(SystemError) in
            try FileSystem.makeDirectories(FilePath(directory))
            var files: [OwnedDescriptor] = []
            for number in 0..<options.maxFiles {
                files.append(
                    try OwnedDescriptor(
                        opening: "\(directory)/\(Self.fileName(number))", flags: O_WRONLY | O_CREAT | O_EXCL | O_APPEND)
                )
            }
            return files
        }
    }

    static func fileName(_ number: Int) -> String { number == 0 ? "log" : "log.\(number)" }

    /// A container's files that are there, in no order.
    static func files(in directory: String) throws(SystemError) -> [OwnedDescriptor] {
        var files: [OwnedDescriptor] = []
        for name in try FileSystem.names(in: directory) ?? [] where name == "log" || name.hasPrefix("log.") {
            files.append(try OwnedDescriptor(opening: "\(directory)/\(name)", flags: O_RDONLY | O_NOFOLLOW))
        }
        return files
    }

    static func remove(_ directory: String) throws(SystemError) {
        for name in try FileSystem.names(in: directory) ?? [] { try FileSystem.removeFile("\(directory)/\(name)") }
        try FileSystem.removeDirectory(directory)
    }

    /// A registry does not outlive its host's end, logs do: the first container of a registry removes those of containers
    /// that are not in it.
    private func sweepOnce() throws(RuntimeError) {
        let marker = "\(registry.root)/logs-swept"
        if try system({ () throws(SystemError) in try FileSystem.status(marker) }) != nil { return }
        for name in try system({ () throws(SystemError) in try FileSystem.names(in: root) }) ?? [] {
            guard let dot = name.lastIndex(of: ".") else { continue }
            let directory = "\(root)/\(name)"
            if try registry.container(String(name[..<dot])).record()?.logDirectory == directory { continue }
            try system { () throws(SystemError) in try Self.remove(directory) }
        }
        try system { () throws(SystemError) in try FileSystem.touch(marker) }
    }
}
