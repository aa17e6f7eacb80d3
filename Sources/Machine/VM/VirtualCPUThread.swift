import Hypervisor
import LinuxSystem
import Synchronization

/// A vCPU and the thread that runs it.
///
/// The thread enters the guest, and hands each exit to the buses under the device lock. It ends at `stop`, or when the guest or KVM
/// cannot continue, which it reports.
final class VirtualCPUThread: Sendable {
    /// Where a vCPU's exits go. Implemented by the machine; called on the vCPU's thread, without the lock.
    protocol Exits: AnyObject, Sendable {
        func readPort(_ address: UInt16, width: Int) -> UInt64
        func writePort(_ value: UInt64, _ address: UInt16, width: Int)
        func readMemory(_ address: UInt64, width: Int) -> UInt64
        func writeMemory(_ value: UInt64, _ address: UInt64, width: Int)
        func end(_ end: MachineEnd)
    }

    let cpu: VirtualCPU
    private let isStopping = Atomic<Bool>(false)
    private let thread: Mutex<LinuxSystem.Thread?> = Mutex(nil)

    init(_ cpu: VirtualCPU) { self.cpu = cpu }

    /// Starts the thread; once.
    func start(handing exits: any Exits, after prepare: @escaping @Sendable () -> Void) throws(SystemError) {
        let started = try Thread(named: "vcpu\(cpu.index)") { [self] in
            prepare()
            run(handing: exits)
        }
        thread.withLock { $0 = started }
    }

    /// Makes the thread leave the guest and end.
    func stop() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        cpu.forbidRunning()
        thread.withLock { $0?.interrupt() }
    }

    /// Waits for the thread's end, after `stop`.
    func join() {
        let started = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        started?.join()
    }

    private func run(handing exits: any Exits) {
        while !isStopping.load(ordering: .sequentiallyConsistent) {
            do throws(HypervisorError) {
                guard let end = handle(try cpu.run(), exits) else { continue }
                return exits.end(end)
            } catch {
                return exits.end(.failed("\(error)"))
            }
        }
    }

    /// Completes an exit; the machine's end where there is no going on.
    func handle(_ exit: VirtualCPUExit, _ exits: any Exits) -> MachineEnd? {
        switch exit {
        case .port(let address, let width, let count, let isWrite):
            accessPort(address, width, count, isWrite, exits)
            return nil
        case .memoryRead(let address, let width):
            cpu.completeRead(exits.readMemory(address, width: width))
            return nil
        case .memoryWrite(let address, let width, let value):
            exits.writeMemory(value, address, width: width)
            return nil
        case .interrupted, .halted: return nil
        case .inaccessibleMemory:
            return .failed(
                "vCPU \(cpu.index) touched memory that is not plugged: the guest's kernel is faulty or hostile")
        case .shutdown:
            return .tripleFault(processor: cpu.index, address: (try? cpu.instructionPointer()) ?? 0)
        case .systemEvent: return .reset
        case .entryFailed(let reason):
            return .failed("vCPU \(cpu.index) cannot enter the guest: hardware reason 0x\(String(reason, radix: 16))")
        case .internalError(let suberror): return .failed(internalError(suberror))
        case .unexpected(let reason):
            return .failed("vCPU \(cpu.index) left the guest for the unknown reason \(reason)")
        }
    }

    private func internalError(_ suberror: UInt64) -> String {
        let address = (try? cpu.instructionPointer()).map { "0x" + String($0, radix: 16) } ?? "an unknown address"
        return "KVM cannot execute the guest's instruction at \(address) on vCPU \(cpu.index) (suberror \(suberror)); "
            + "`czone doctor` checks whether this host's KVM can run Linux"
    }

    private func accessPort(_ address: UInt16, _ width: Int, _ count: Int, _ isWrite: Bool, _ exits: any Exits) {
        for index in 0..<count {
            if isWrite {
                exits.writePort(cpu.portValue(index, width: width), address, width: width)
            } else {
                cpu.setPortValue(exits.readPort(address, width: width), index, width: width)
            }
        }
    }
}
