import Glibc
public import LinuxSystem
import SystemPackage

/// A number of a user of this host's that a VM's process runs as, and no other process at the same time.
public struct UserLease: Sendable {
    /// Of so many numbers, from the configuration's first.
    private static let userCount: UInt32 = 65_536
    /// Where the search for a free one begins, so that most are found at once; as many files may come to be.
    private static let usualUserCount: UInt32 = 4096

    public let number: UInt32
    /// A locked file: a process that inherits it inherits the lease.
    public let descriptor: OwnedDescriptor

    /// Takes a number that nobody of the registry has.
    public init(in registry: Registry, from first: UInt32) throws(RuntimeError) {
        let start = UInt32.random(in: 0..<Self.usualUserCount)
        for offset in 0..<Self.userCount {
            let number = (start + offset) % Self.userCount
            let lock = try system { () throws(SystemError) in try Self.open(number, in: "\(registry.root)/users") }
            guard try system({ () throws(SystemError) in try lock.tryLock(.exclusive) }) else { continue }
            (self.number, descriptor) = (first + number, lock)
            return
        }
        throw .invalid("each of the \(Self.userCount) users from \(first) on has a VM: this host can have no more")
    }

    private static func open(_ number: UInt32, in directory: String) throws(SystemError) -> OwnedDescriptor {
        let path = "\(directory)/\(number)"
        let flags = O_RDONLY | O_CREAT | O_NOFOLLOW
        do { return try OwnedDescriptor(opening: path, flags: flags) } catch {
            // The first VM of this host.
            guard error.errno == .noSuchFileOrDirectory else { throw error }
            try FileSystem.makeDirectories(FilePath(directory))
            return try OwnedDescriptor(opening: path, flags: flags)
        }
    }
}
