public import LinuxSystem
public import SystemPackage

/// A VM without containers: a kernel with its console on this terminal.
public struct BareVirtualMachine: Sendable {
    let arguments: [String]

    /// `virtualCPUs`, `memoryInBytes` and `zones` are checked by the VM's own process.
    public init(
        monitor: FilePath, kernel: FilePath, initialRAMDisk: FilePath, memoryInBytes: UInt64, virtualCPUs: Int,
        addedCommandLine: String?, zones: Int
    ) {
        var arguments = [
            monitor.string, "--kernel", kernel.string, "--initrd", initialRAMDisk.string, "--memory",
            "\(memoryInBytes)",
            "--cpus", "\(virtualCPUs)", "--console", "terminal",
        ]
        if let addedCommandLine { arguments += ["--append", addedCommandLine] }
        if zones > 0 { arguments += ["--zones", "\(zones)"] }
        self.arguments = arguments
    }

    /// Turns this process into the VM; returns only when that fails.
    public func become() -> SystemError {
        guard let program = arguments.first else { return SystemError("start a VM", .invalidArgument) }
        return CurrentProcess.become(program, arguments: arguments)
    }
}

extension BareVirtualMachine {
    /// What the guest kernel gets on its command line, for a monitor that is compared with ours: the same as far as both
    /// have it.
    public static var kernelCommandLine: String {
        "console=ttyS0 loglevel=4 panic=-1 memhp_default_state=online_movable thp_anon=16K-64K:always "
            + "rcupdate.rcu_expedited=1 swiotlb=noforce tsc=reliable noreplace-smp "
            + AddressRandomization.kernelArgument()
    }
}
