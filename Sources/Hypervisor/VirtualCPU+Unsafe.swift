import CLinux
import Glibc
import LinuxSystem

/// Why a vCPU left guest mode.
public enum VirtualCPUExit: Equatable, Sendable {
    /// IN (a read that waits for its value) or OUT at a port; `count` accesses of `width` bytes (string I/O).
    case port(address: UInt16, width: Int, count: Int, isWrite: Bool)
    /// A read that waits for its value by `completeRead`.
    case memoryRead(address: UInt64, width: Int)
    /// A write of the low `width` bytes to an address without memory: MMIO.
    case memoryWrite(address: UInt64, width: Int, value: UInt64)
    /// HLT without in-kernel interrupt controllers; not seen with them.
    case halted
    /// A triple fault.
    case shutdown
    /// The guest asked KVM for a reset, shutdown or crash (`KVM_SYSTEM_EVENT_…`).
    case systemEvent(UInt64)
    /// The guest touched an address whose memory this process has not mapped.
    case inaccessibleMemory
    /// Running is forbidden, a signal arrived, or a processor that waits for INIT and SIPI has got one: run it again
    /// unless there is another reason to stop.
    case interrupted
    /// The processor refused to enter the guest; the hardware's reason.
    case entryFailed(reason: UInt64)
    /// KVM failed, e.g. at an instruction that it cannot emulate; KVM's suberror.
    case internalError(suberror: UInt64)
    /// An exit that czone does not ask for.
    case unexpected(reason: UInt32)
}

/// One virtual processor. `run` and the state requests belong to one thread; `forbidRunning` and
/// `allowRunning` may come from any.
@safe
public final class VirtualCPU: @unchecked Sendable {
    /// Also the local APIC's id; from 0 up.
    public let index: Int
    let descriptor: OwnedDescriptor
    let kvm: KVM
    /// The page shared with KVM. Touched by the thread that runs the vCPU, but for the immediate-exit byte.
    private let page: Mapping

    /// Makes the vCPU, which has not run; each index once. Throws `HypervisorError.tooMany` where KVM has no more.
    public init(_ index: Int, of machine: VirtualMachine) throws(HypervisorError) {
        self.index = index
        kvm = machine.kvm
        guard index < kvm.maxVirtualCPUs else { throw .tooMany("vCPUs", wanted: index + 1, max: kvm.maxVirtualCPUs) }
        let raw = try Hypervisor.kvm(
            "create vCPU \(index)",
            clinux_ioctl(machine.descriptor.rawValue, CLINUX_KVM_CREATE_VCPU, UInt64(index)))
        descriptor = OwnedDescriptor(taking: CInt(raw))
        do {
            page = try Mapping(.shared(descriptor, offset: 0), sizeInBytes: kvm.runSizeInBytes)
        } catch { throw .failed(error) }
    }

    /// Runs the guest until it leaves guest mode for a reason that the caller must handle.
    public func run() throws(HypervisorError) -> VirtualCPUExit {
        var exit = clinux_exit()
        // SAFETY: the run page stays mapped as long as this object lives; the rest is a local variable.
        let result = unsafe clinux_run(descriptor.rawValue, runPage, &exit)
        if result == -EINTR || result == -EAGAIN { return .interrupted }
        if result == -EFAULT { return .inaccessibleMemory }
        try Hypervisor.kvm("run vCPU \(index)", Int64(result))
        return decode(exit)
    }

    private func decode(_ exit: clinux_exit) -> VirtualCPUExit {
        switch CInt(exit.reason) {
        case KVM_EXIT_IO:
            .port(address: UInt16(exit.address), width: Int(exit.width), count: Int(exit.count), isWrite: exit.is_write)
        case KVM_EXIT_MMIO where exit.is_write:
            .memoryWrite(address: exit.address, width: Int(exit.width), value: exit.value & Self.mask(exit.width))
        case KVM_EXIT_MMIO: .memoryRead(address: exit.address, width: Int(exit.width))
        case KVM_EXIT_HLT: .halted
        case KVM_EXIT_SHUTDOWN: .shutdown
        case KVM_EXIT_SYSTEM_EVENT: .systemEvent(exit.value)
        case KVM_EXIT_INTR: .interrupted
        case KVM_EXIT_FAIL_ENTRY: .entryFailed(reason: exit.value)
        case KVM_EXIT_INTERNAL_ERROR: .internalError(suberror: exit.value)
        default: .unexpected(reason: exit.reason)
        }
    }

    /// The low `width` bytes of a value.
    static func mask(_ width: UInt32) -> UInt64 { width >= 8 ? .max : (1 << (8 * UInt64(width))) - 1 }

    /// The answer to `.memoryRead`, before the next `run`.
    public func completeRead(_ value: UInt64) {
        // SAFETY: the field lies in the mapped page.
        unsafe clinux_set_mmio_value(runPage, value)
    }

    /// KVM's buffer for the values of a port access, in bytes (one page).
    private static let portBufferSize = 4096

    /// The `index`-th value of a `.port` write; `index` below its count.
    public func portValue(_ index: Int, width: Int) -> UInt64 {
        precondition(index >= 0 && width >= 0 && (index + 1) * width <= Self.portBufferSize)
        // SAFETY: KVM sets data_offset to the start of its page of values, which the mapping contains; just checked.
        return unsafe clinux_port_value(runPage, UInt32(index), UInt32(width))
    }

    /// The answer to the `index`-th access of a `.port` read, before the next `run`.
    public func setPortValue(_ value: UInt64, _ index: Int, width: Int) {
        precondition(index >= 0 && width >= 0 && (index + 1) * width <= Self.portBufferSize)
        // SAFETY: as above.
        unsafe clinux_set_port_value(runPage, UInt32(index), UInt32(width), value)
    }

    /// Makes the present `run`, or the next one, return `.interrupted`; it stays so until `allowRunning`.
    ///
    /// A vCPU inside guest mode also needs the signal of `Thread.interrupt`; the flag alone closes the race with a
    /// thread that is just about to enter.
    public func forbidRunning() {
        // SAFETY: one byte of the run page, which stays mapped as long as this object lives.
        unsafe clinux_set_immediate_exit(runPage, true)
    }

    /// Lets the next `run` enter the guest again. Any thread.
    public func allowRunning() {
        // SAFETY: as above.
        unsafe clinux_set_immediate_exit(runPage, false)
    }

    private var runPage: UnsafeMutablePointer<kvm_run> {
        // SAFETY: the mapping is at least one page, which KVM lays out as kvm_run.
        unsafe page.address.assumingMemoryBound(to: kvm_run.self)
    }
}
