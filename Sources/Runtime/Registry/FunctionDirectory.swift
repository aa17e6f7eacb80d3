import Glibc
import LinuxSystem
import SystemPackage

/// A function's directory of the registry.
public struct FunctionDirectory: Hashable, Sendable {
    public let path: String
    /// The directory's own name, which stands for the function's key.
    public let name: String

    var lockPath: String { "\(path)/lock" }
    var recordPath: String { "\(path)/function.json" }
    var machinesPath: String { "\(path)/vms" }

    /// What the function is; nil where the directory is gone.
    public func key() throws(RuntimeError) -> FunctionKey? {
        try RecordFile.read(FunctionKey.self, from: recordPath)
    }

    /// Its VMs, dead ones too, the oldest first.
    public func virtualMachines() throws(RuntimeError) -> [VirtualMachineDirectory] {
        let ids = try system { () throws(SystemError) in try FileSystem.names(in: machinesPath) } ?? []
        let machines = ids.map { VirtualMachineDirectory(function: self, id: $0) }
        guard machines.count > 1 else { return machines }
        return machines.map { ($0.startTime, $0) }.sorted { ($0.0, $0.1.id) < ($1.0, $1.1.id) }.map(\.1)
    }

    /// Those of them that were prewarmed and have had no container yet.
    func prewarmedMachines() throws(RuntimeError) -> [VirtualMachineDirectory] {
        var prewarmed: [VirtualMachineDirectory] = []
        for machine in try virtualMachines() where try machine.isPrewarmed() { prewarmed.append(machine) }
        return prewarmed
    }

    /// The VM of an id, whether there is one or not.
    public func virtualMachine(_ id: String) -> VirtualMachineDirectory {
        VirtualMachineDirectory(function: self, id: id)
    }

    /// Runs the body while no other process adds or removes a VM of this function. Makes the directory if `key` is given
    /// and it is not there; else the body is not run without one.
    func locked<Result>(
        making key: FunctionKey? = nil, _ body: () throws(RuntimeError) -> Result
    ) throws(RuntimeError) -> Result? {
        while true {
            var found = try openLock()
            if found == nil, key != nil { found = try makeLock() }
            guard let lock = found else { return nil }
            try system { () throws(SystemError) in
                try lock.takeLock(.exclusive, withinMilliseconds: ControlTimeouts.standard.lock)
            }
            // After a wait, the lock may be that of a directory that was removed meanwhile.
            guard try isCurrent(lock) else { continue }
            defer { withExtendedLifetime(lock) {} }
            if let key, try !exists(recordPath) { try RecordFile.write(key, to: recordPath) }
            return try body()
        }
    }

    /// Removes the directory. Only when locked, and only without VMs.
    func remove() throws(RuntimeError) {
        try system { () throws(SystemError) -> Void in
            try FileSystem.removeDirectory(machinesPath)
            try FileSystem.removeFile(recordPath)
            try FileSystem.removeFile(lockPath)
            // From here on another process may make it anew.
            do throws(SystemError) { try FileSystem.removeDirectory(path) } catch {
                if error.errno != .directoryNotEmpty { throw error }
            }
        }
    }

    /// Nil where there is none.
    private func openLock() throws(RuntimeError) -> OwnedDescriptor? {
        do { return try OwnedDescriptor(opening: lockPath, flags: O_RDWR) } catch {
            if error.errno == .noSuchFileOrDirectory { return nil }
            throw .system(error)
        }
    }

    private func makeLock() throws(RuntimeError) -> OwnedDescriptor {
        var attempts = 0
        while true {
            do {
                try FileSystem.makeDirectories(FilePath(machinesPath))
                return try OwnedDescriptor(opening: lockPath, flags: O_RDWR | O_CREAT)
            } catch {
                attempts += 1
                // Somebody is just removing the directory.
                guard error.errno == .noSuchFileOrDirectory, attempts < 1000 else { throw .system(error) }
            }
        }
    }

    /// Whether the lock's file still is the one of this path, and its directory complete.
    private func isCurrent(_ lock: OwnedDescriptor) throws(RuntimeError) -> Bool {
        try system { () throws(SystemError) in
            guard let there = try FileSystem.status(lockPath), try lock.status().inode == there.inode else {
                return false
            }
            if try FileSystem.status(machinesPath) == nil { try FileSystem.makeDirectories(FilePath(machinesPath)) }
            return true
        }
    }

    private func exists(_ path: String) throws(RuntimeError) -> Bool {
        try system { () throws(SystemError) in try FileSystem.status(path) } != nil
    }
}
