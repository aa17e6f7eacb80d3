public import Devices

/// Why a snapshot was refused, or could not be made. A snapshot is two files that others could have touched.
public enum SnapshotError: Error, Equatable, CustomStringConvertible {
    /// The state file is something else.
    case notAState
    /// It was written by another version of czone.
    case version(UInt32, expected: UInt32)
    /// The file has fewer bytes than it says.
    case length(UInt64, expected: UInt64)
    /// Bytes have changed since it was written.
    case checksum
    /// It was made of another kernel, agent, monitor or image, or for a machine of another kind.
    case identity
    /// The machine is another in this respect.
    case shape(String, found: String, expected: String)
    /// The processor answers another thing to CPUID.
    case processor(function: UInt32, index: UInt32)
    /// The memory file is not the one that the state was written with.
    case memory(String)
    /// The working set is not one of this memory file.
    case workingSet(String)
    /// A part of the state makes no sense.
    case state(StateError)
    /// A processor cannot be brought to rest.
    case restless(processor: Int)
    /// KVM or the system refused.
    case other(String)

    public var description: String {
        switch self {
        case .notAState: "it is no state file of czone"
        case .version(let found, let expected): "its state file has version \(found), expected \(expected)"
        case .length(let found, let expected):
            "its state file has \(found) bytes, expected \(expected): it is not whole"
        case .checksum: "its state file has changed since it was written"
        case .identity: "it was made for another kernel, agent, image or kind of VM"
        case .shape(let what, let found, let expected): "it is of a VM with \(what) \(found), expected \(expected)"
        case .processor(let function, let index):
            "it was made on another kind of processor: CPUID 0x\(String(function, radix: 16)), \(index) differs"
        case .memory(let reason): "its memory file \(reason)"
        case .workingSet(let reason): "its working set is no good: \(reason)"
        case .state(let error): "\(error)"
        case .restless(let processor): "vCPU \(processor) does not come to rest"
        case .other(let reason): reason
        }
    }
}
