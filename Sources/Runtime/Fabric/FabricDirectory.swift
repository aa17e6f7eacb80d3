import Glibc
import LinuxSystem
import SystemPackage

/// A tenant's fabric in the registry.
///
///     fabric/<tenant>/starting     locked by the client that starts the fabric, or removes what a dead one has left
///     fabric/<tenant>/lock         locked for as long as its process lives
///     fabric/<tenant>/socket       where it listens
///     fabric/<tenant>/pid          its process's id, by the client that started it
///     fabric/<tenant>/log          what it says
public struct FabricDirectory: Hashable, Sendable {
    public let tenant: String
    let path: String

    var startingPath: String { "\(path)/starting" }
    var lockPath: String { "\(path)/lock" }
    public var socketPath: String { "\(path)/socket" }
    var processPath: String { "\(path)/pid" }
    public var logPath: String { "\(path)/log" }

    /// Whether its process lives.
    public func isAlive() throws(RuntimeError) -> Bool {
        do { return try !OwnedDescriptor(opening: lockPath, flags: O_RDONLY | O_NOFOLLOW).tryLock(.shared) } catch {
            if error.errno == .noSuchFileOrDirectory { return false }
            throw .system(error)
        }
    }

    /// Its process's id; nil where none was started.
    public func processID() throws(RuntimeError) -> Int32? {
        let bytes =
            try system { () throws(SystemError) in
                try FileSystem.contents(of: processPath, atMost: 32, followsLink: false)
            } ?? []
        return Int32(String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)).flatMap { $0 > 0 ? $0 : nil }
    }

    /// Removes what a dead one has left. Only with `starting` locked.
    func removeRemains() throws(RuntimeError) {
        try system { () throws(SystemError) in
            try FileSystem.removeFile(socketPath)
            try FileSystem.removeFile(processPath)
        }
    }
}

extension FabricDirectory {
    init(of tenant: String, in registry: Registry) {
        self.init(tenant: tenant, path: "\(registry.root.string)/fabric/\(tenant)")
    }

    /// Every living fabric of a registry, by tenant.
    public static func living(in registry: Registry) throws(RuntimeError) -> [FabricDirectory] {
        var living: [FabricDirectory] = []
        for fabric in try all(in: registry) where try fabric.isAlive() { living.append(fabric) }
        return living
    }

    private static func all(in registry: Registry) throws(RuntimeError) -> [FabricDirectory] {
        let names = try system { () throws(SystemError) in
            try FileSystem.names(in: "\(registry.root.string)/fabric")
        }
        return (names ?? []).sorted().map { FabricDirectory(of: $0, in: registry) }
    }

    /// Removes what dead fabrics have left.
    static func removeDead(in registry: Registry) throws(RuntimeError) {
        for fabric in try all(in: registry) where try !fabric.isAlive() {
            let starting = try system { () throws(SystemError) in
                try OwnedDescriptor(opening: fabric.startingPath, flags: O_RDWR | O_CREAT | O_NOFOLLOW)
            }
            // Its holder is about to start one.
            let isMine = try system { () throws(SystemError) in try starting.tryLock(.exclusive) }
            if isMine, try !fabric.isAlive() { try fabric.removeRemains() }
        }
    }
}
