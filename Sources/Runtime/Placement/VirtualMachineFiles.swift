import LinuxSystem
public import SystemPackage

/// The files that every VM of this host is made of.
public struct VirtualMachineFiles: Equatable, Sendable {
    public let monitor: FilePath
    public let kernel: FilePath
    public let initialRAMDisk: FilePath
    /// Changes when any of them does: a VM of the old ones is not shared with containers of the new ones.
    public let identity: String

    /// - Throws: `RuntimeError.invalid` naming the file that is not there.
    public init(monitor: FilePath, kernel: FilePath, initialRAMDisk: FilePath) throws(RuntimeError) {
        self.monitor = monitor
        self.kernel = kernel
        self.initialRAMDisk = initialRAMDisk
        var identity = ""
        for file in [monitor, kernel, initialRAMDisk] {
            guard let status = try system({ () throws(SystemError) in try FileSystem.status(file.string) }) else {
                throw .invalid("there is no file \(quoted(file.string)), which a VM needs: run `make setup release`")
            }
            // A file's contents are not read at each start; replacing it changes these.
            identity += "/\(status.device).\(status.inode).\(status.sizeInBytes).\(status.modified)"
        }
        self.identity = identity
    }

    /// Those that `Artefacts` finds.
    public init(_ artefacts: Artefacts) throws(RuntimeError) {
        let (monitor, kernel, initialRAMDisk): (FilePath, FilePath, FilePath)
        do {
            monitor = try artefacts.virtualMachineMonitor()
            kernel = try artefacts.kernel()
            initialRAMDisk = try artefacts.initialRAMDisk()
        } catch { throw .invalid(error.description) }
        try self.init(monitor: monitor, kernel: kernel, initialRAMDisk: initialRAMDisk)
    }
}
