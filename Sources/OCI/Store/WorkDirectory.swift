import Glibc
import LinuxSystem
import SystemPackage

/// A directory of the store that somebody works in, with a lock beside it. A process that finds the lock free although
/// the directory is there knows that its owner died, and removes both.
final class WorkDirectory {
    /// How long another process may take with the same image, in milliseconds; then the wait fails with ETIMEDOUT.
    private static let patience: CInt = 600_000

    let path: FilePath
    let directory: Directory
    /// Held by whatever has a descriptor of it: a child that writes into the directory inherits one.
    let lock: OwnedDescriptor
    private let parent: Directory
    private let name: FilePath.Component
    private let lockName: FilePath.Component

    /// Takes the directory of a name, empty, waiting until nobody else works in it; `onWait` is called before.
    convenience init(_ name: String, in store: ImageStore, onWait: () -> Void = {}) throws(OCIError) {
        let parent = try store.directory(.tmp)
        let (own, lockName) = try (store.component(name), store.component("\(name).lock"))
        var hasWaited = false
        while true {
            if let lock = try Self.take(lockName, in: parent, wait: hasWaited) {
                try self.init(own, lockName, lock, in: parent, path: store.path(.tmp).appending(name))
                return
            }
            if !hasWaited { onWait() }
            hasWaited = true
        }
    }

    private init(
        _ name: FilePath.Component, _ lockName: FilePath.Component, _ lock: OwnedDescriptor, in parent: Directory,
        path: FilePath
    ) throws(OCIError) {
        try parent.removeTree(name)
        try parent.makeDirectory(name, mode: 0o700)
        directory = try parent.directory(name)
        self.path = path
        self.lock = lock
        self.parent = parent
        self.name = name
        self.lockName = lockName
    }

    deinit {
        // What cannot be removed now, the next import will remove.
        try? parent.removeTree(name)
        try? parent.remove(lockName)
    }

    /// Removes what dead processes left behind.
    static func sweep(_ store: ImageStore) throws(OCIError) {
        guard let parent = try store.existing(.tmp) else { return }
        let now = currentTimeInNanoseconds()
        for entry in try parent.names() {
            // Made and renamed in one go: an old one has lost its maker.
            if entry.string.hasPrefix("link-") {
                if let status = try parent.status(of: entry), now - status.changed > 60_000_000_000 {
                    try? parent.remove(entry)
                }
                continue
            }
            let name = entry.extension == "lock" ? entry.stem : entry.string
            let (own, lockName) = try (store.component(name), store.component("\(name).lock"))
            guard let lock = try take(lockName, in: parent, wait: false) else { continue }
            try parent.removeTree(own)
            try? parent.remove(lockName)
            _ = lock
        }
    }

    /// The lock; nil when somebody else has it, or removed its file between our opening and locking it.
    private static func take(
        _ name: FilePath.Component, in parent: Directory, wait: Bool
    ) throws(OCIError) -> OwnedDescriptor? {
        let lock = try parent.open(name, flags: O_RDWR | O_CREAT | O_NOFOLLOW)
        let isTaken = try system { () throws(SystemError) in
            if try lock.tryLock(.exclusive) { return true }
            if wait { try lock.takeLock(.exclusive, withinMilliseconds: Self.patience) }
            return wait
        }
        guard isTaken else { return nil }
        return try parent.status(of: name)?.inode == Directory.status(of: lock).inode ? lock : nil
    }
}
