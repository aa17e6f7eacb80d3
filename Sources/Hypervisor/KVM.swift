import CLinux
import Glibc
import LinuxSystem

/// The host's KVM: what it can do, and the door to new virtual machines.
public final class KVM: Sendable {
    let descriptor: OwnedDescriptor
    /// The size in bytes of a vCPU's shared page. Immutable.
    let runSizeInBytes: Int

    /// Opens KVM and checks that it has all that czone builds on.
    public init(path: String = "/dev/kvm") throws(HypervisorError) {
        do { descriptor = try OwnedDescriptor(opening: path, flags: O_RDWR) } catch { throw .unavailable(error) }
        let version = clinux_ioctl(descriptor.rawValue, CLINUX_KVM_GET_API_VERSION, 0)
        guard version == KVM_API_VERSION else { throw .wrongVersion(version) }
        runSizeInBytes = Int(
            try kvm("ask for the vCPU page's size", clinux_ioctl(descriptor.rawValue, CLINUX_KVM_GET_VCPU_MMAP_SIZE, 0))
        )
        for (capability, name) in Self.required where !has(capability) { throw .missingCapability(name) }
    }

    private static let required: [(CInt, String)] = [
        (KVM_CAP_IRQCHIP, "in-kernel interrupt controllers (KVM_CAP_IRQCHIP)"),
        (KVM_CAP_USER_MEMORY, "memory slots (KVM_CAP_USER_MEMORY)"),
        (KVM_CAP_READONLY_MEM, "read-only memory slots (KVM_CAP_READONLY_MEM)"),
        (KVM_CAP_IRQ_ROUTING, "interrupt routing (KVM_CAP_IRQ_ROUTING)"),
        (KVM_CAP_IOEVENTFD, "ioeventfd (KVM_CAP_IOEVENTFD)"),
        (KVM_CAP_IMMEDIATE_EXIT, "immediate exits (KVM_CAP_IMMEDIATE_EXIT)"),
        (KVM_CAP_XSAVE, "XSAVE state (KVM_CAP_XSAVE)"),
        (KVM_CAP_ADJUST_CLOCK, "an adjustable clock (KVM_CAP_ADJUST_CLOCK)"),
        (KVM_CAP_TSC_DEADLINE_TIMER, "the TSC deadline timer (KVM_CAP_TSC_DEADLINE_TIMER)"),
    ]

    func has(_ capability: CInt) -> Bool { limit(capability) > 0 }

    /// What KVM answers for a capability: 0 is none, else 1 or a limit.
    func limit(_ capability: CInt) -> Int {
        Int(max(0, clinux_ioctl(descriptor.rawValue, CLINUX_KVM_CHECK_EXTENSION, UInt64(capability))))
    }

    /// The most vCPUs of one VM.
    public var maxVirtualCPUs: Int { limit(KVM_CAP_MAX_VCPUS) }
}
