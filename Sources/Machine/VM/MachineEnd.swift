/// How a machine came to its end.
public enum MachineEnd: Equatable, Sendable, CustomStringConvertible {
    /// The guest powered off.
    case poweredOff
    /// The guest's kernel panicked.
    case panicked
    /// The guest reset itself.
    case reset
    /// A processor met a fault that it could not deliver (AMD64 manual volume 2, 15.14.2: shutdown), at this address.
    case tripleFault(processor: Int, address: UInt64)
    /// The guest ended the machine with a code.
    case exited(code: UInt8)
    /// The host stopped it.
    case stopped
    /// The monitor or KVM failed.
    case failed(String)

    public var description: String {
        switch self {
        case .poweredOff: "the guest powered off"
        case .panicked: "the guest's kernel panicked"
        case .reset: "the guest reset itself"
        case .tripleFault(let processor, let address):
            "the guest's vCPU \(processor) shut down (triple fault) at 0x\(String(address, radix: 16))"
        case .exited(let code): "the guest ended with code \(code)"
        case .stopped: "the VM was stopped"
        case .failed(let reason): reason
        }
    }

    /// The exit status of the process that is the VM: 0 powered off or stopped, 1 failed, 3 panicked, 4 reset, else
    /// the guest's own code.
    public var exitStatus: Int32 {
        switch self {
        case .poweredOff, .stopped: 0
        case .failed: 1
        case .panicked: 3
        case .reset, .tripleFault: 4
        case .exited(let code): Int32(code)
        }
    }
}
