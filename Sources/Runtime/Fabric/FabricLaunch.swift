import Glibc
import LinuxSystem
import Logs
import SystemPackage

/// Starts tenants' fabrics.
struct FabricLaunch {
    let registry: Registry
    let configuration: Configuration
    let program: FilePath

    /// Starts one, unless it lives. From its return on it can be connected to.
    func start(_ fabric: FabricDirectory) throws(RuntimeError) {
        let lock = try system { () throws(SystemError) -> OwnedDescriptor in
            try FileSystem.makeDirectories(FilePath(fabric.path))
            let starting = try OwnedDescriptor(opening: fabric.startingPath, flags: O_RDWR | O_CREAT | O_NOFOLLOW)
            try starting.takeLock(.exclusive, withinMilliseconds: ControlTimeouts.standard.lock)
            return starting
        }
        defer { withExtendedLifetime(lock) {} }
        guard try !fabric.isAlive() else { return }
        try fabric.removeRemains()
        let lease = try UserLease(in: registry, from: configuration.firstUser)
        try system { () throws(SystemError) in try begin(fabric, lease) }
    }

    private func begin(_ fabric: FabricDirectory, _ lease: UserLease) throws(SystemError) {
        // A client that watches it may lock it too, for a moment: the process has it open for reading alone.
        let lock = try OwnedDescriptor(opening: fabric.lockPath, flags: O_RDONLY | O_CREAT | O_NOFOLLOW)
        try lock.takeLock(.exclusive, withinMilliseconds: ControlTimeouts.standard.lock)
        let socket = try UnixSocket.listen(at: fabric.socketPath)
        let nothing = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
        let log = try OwnedDescriptor(opening: fabric.logPath, flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW)
        let words = [
            "--socket", "\(socket.rawValue)", "--tenant", fabric.tenant, "--user", "\(lease.number)",
        ]
        var process = ProcessLaunch(
            program.string,
            arguments: [program.string] + words + (configuration.reducesJail ? ["--jail", "reduced"] : []),
            environment: MonitorStarter.environment + Log.environment, input: nothing, output: log, error: log)
        process.kept = [socket, lock, lease.descriptor]
        process.identityFile = try OwnedDescriptor(
            opening: fabric.processPath, flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW)
        process.isDetached = true
        process.seesNoProcesses = true
        try process.start().reapAtItsEnd()
    }
}
