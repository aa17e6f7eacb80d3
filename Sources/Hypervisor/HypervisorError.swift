public import LinuxSystem

/// Why KVM could not do what was asked.
public enum HypervisorError: Error, CustomStringConvertible {
    /// /dev/kvm cannot be opened.
    case unavailable(SystemError)
    /// The KVM interface is not version 12, the only one that there is.
    case wrongVersion(Int64)
    /// The host's KVM lacks something that czone needs.
    case missingCapability(String)
    /// A request failed.
    case failed(SystemError)
    /// More vCPUs or memory slots than KVM takes.
    case tooMany(String, wanted: Int, max: Int)
    /// Saved state that does not have the form that this KVM expects.
    case malformedState(String)

    public var description: String {
        switch self {
        case .unavailable(let error):
            "no usable KVM: \(error); load the kvm-intel or kvm-amd module and run as a user who may open /dev/kvm"
        case .wrongVersion(let version): "no usable KVM: its interface has version \(version), expected 12"
        case .missingCapability(let name): "no usable KVM: it lacks \(name); a host kernel of 5.10 or later has it"
        case .failed(let error): "\(error)"
        case .tooMany(let what, let wanted, let most): "\(wanted) \(what) are more than KVM's limit of \(most)"
        case .malformedState(let what): "saved state does not fit: \(what)"
        }
    }
}

/// Calls KVM and turns a failure into an error.
@discardableResult
func kvm(_ what: @autoclosure () -> String, _ result: Int64) throws(HypervisorError) -> Int64 {
    do { return try checked(result, what()) } catch { throw .failed(error) }
}
