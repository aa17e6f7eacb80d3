import ControlProtocol
public import LinuxSystem
public import SystemPackage

/// A VM without containers: a kernel with its console on this terminal.
public struct BareVirtualMachine: Sendable {
    private let monitor: FilePath
    private let arguments: MachineArguments
    private let user: UserLease

    /// `virtualCPUs`, `memoryInBytes` and `zones` are checked by the VM's own process.
    public init(
        monitor: FilePath, kernel: FilePath, initialRAMDisk: FilePath, memoryInBytes: UInt64, virtualCPUs: Int,
        addedCommandLine: String?, zones: Int, user: UserLease, isReduced: Bool
    ) {
        self.monitor = monitor
        self.user = user
        arguments = MachineArguments(
            kernel: kernel.string, initialRAMDisk: initialRAMDisk.string,
            size: .init(memoryInBytes: memoryInBytes, virtualCPUs: virtualCPUs, zoneCount: zones),
            addedCommandLine: addedCommandLine ?? "", purpose: .console,
            jail: .init(user: user.number, isReduced: isReduced))
    }

    /// Turns this process into the VM; returns only when that fails.
    public func become() -> SystemError {
        CurrentProcess.become(
            monitor.string, arguments: [monitor.string] + arguments.words, keeping: [user.descriptor])
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
