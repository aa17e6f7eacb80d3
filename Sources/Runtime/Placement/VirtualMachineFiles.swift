import LinuxSystem
public import SystemPackage

/// The files that every VM of this host is made of.
public struct VirtualMachineFiles: Equatable, Sendable {
    public let monitor: FilePath
    public let kernel: FilePath
    public let initialRAMDisk: FilePath
    let all: [HostFile]

    /// Changes when any of them does: a VM of the old ones is not shared with containers of the new ones.
    public var identity: String { all.map { "/" + $0.mark }.joined() }

    /// - Throws: `RuntimeError.invalid` naming the file that is not there.
    public init(monitor: FilePath, kernel: FilePath, initialRAMDisk: FilePath) throws(RuntimeError) {
        self.monitor = monitor
        self.kernel = kernel
        self.initialRAMDisk = initialRAMDisk
        var all: [HostFile] = []
        for file in [monitor, kernel, initialRAMDisk] {
            guard let file = try HostFile(file.string) else {
                throw .invalid("there is no file \(quoted(file.string)), which a VM needs: run `make setup release`")
            }
            all.append(file)
        }
        self.all = all
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
