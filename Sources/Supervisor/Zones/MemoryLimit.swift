public import LinuxSystem
import Synchronization

/// The limit of memory of the VM's control group, which follows its zones: what they have, or were asked to have, and what
/// the VM takes besides. More is written before it is plugged; less by the disk's threads, as the kernel may look for pages
/// to take back. Protected by the device lock.
public final class MemoryLimit {
    /// For the threads.
    private final class File: Sendable {
        private let file: OwnedDescriptor
        private let limit: Mutex<UInt64>

        init(_ file: OwnedDescriptor, _ limit: UInt64) {
            self.file = file
            self.limit = Mutex(limit)
        }

        /// Sets the limit; the one before.
        func set(_ new: UInt64) -> UInt64 {
            limit.withLock { limit in
                defer { limit = new }
                return limit
            }
        }

        /// Writes the limit as it is now, again where it has changed meanwhile. A group that is gone has none.
        func write() {
            var written: UInt64
            repeat {
                written = limit.withLock { $0 }
                try? file.write(all: Array("\(written)".utf8))
            } while limit.withLock({ $0 }) != written
        }
    }

    private let file: File
    private let fixed: UInt64
    private let disk: DiskWork

    /// - Parameters:
    ///   - file: memory.max, or memory.limit_in_bytes.
    ///   - fixed: what is there without zones, in bytes: what the file has.
    ///   - disk: does the writing.
    public init(_ file: OwnedDescriptor, fixed: UInt64, _ disk: DiskWork) {
        self.file = File(file, fixed)
        self.fixed = fixed
        self.disk = disk
    }

    /// The zones have so many bytes together, or are about to.
    func follow(zoneBytes: UInt64) {
        let new = fixed + zoneBytes
        let old = file.set(new)
        if new > old {
            file.write()
        } else if new < old {
            disk.perform { [file] in
                file.write()
            } then: {
            }
        }
    }
}
