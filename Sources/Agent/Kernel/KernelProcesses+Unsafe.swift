import CAgent

/// CLONE_NEW… flags.
enum NamespaceFlag {
    static let mount = UInt64(AGENT_NEWNS)
    static let process = UInt64(AGENT_NEWPID)
    static let user = UInt64(AGENT_NEWUSER)
    static let network = UInt64(AGENT_NEWNET)
    static let ipc = UInt64(AGENT_NEWIPC)
    static let hostName = UInt64(AGENT_NEWUTS)
    static let controlGroup = UInt64(AGENT_NEWCGROUP)
}

extension Kernel {
    enum Fork {
        case child
        case parent(process: Int32, descriptor: Descriptor)
    }

    /// A child with a copy of this process's memory. The agent has one thread, so the child may do anything.
    static func clone(namespaces: UInt64, controlGroup: Int32) throws(Failure) -> Fork {
        var descriptor: Int32 = -1
        // SAFETY: the kernel stores the descriptor before the call returns in the parent; the child runs on its own
        // copy.
        let process = unsafe agent_clone(namespaces, controlGroup, &descriptor)
        try check(process, .clone, "clone a process")
        return process == 0 ? .child : .parent(process: process, descriptor: Descriptor(taking: descriptor))
    }

    static func enterNamespaces(_ fd: Int32, _ kinds: UInt64) -> Int32 {
        agent_enter_namespaces(fd, Int32(truncatingIfNeeded: kinds))
    }

    static func unshare(_ kinds: UInt64) -> Int32 { agent_unshare(Int32(truncatingIfNeeded: kinds)) }

    /// Returns only on failure.
    static func execute(_ path: CString, _ arguments: CStringList, _ environment: CStringList) -> Int32 {
        let argumentVector = unsafe CStringVector(arguments)
        let environmentVector = unsafe CStringVector(environment)
        // SAFETY: the vectors own their strings and end with a null pointer; they live until after the call.
        return unsafe withExtendedLifetime((argumentVector, environmentVector)) {
            unsafe path.withPointer {
                unsafe agent_execute($0, argumentVector.pointers, environmentVector.pointers)
            }
        }
    }

    static func exit(_ code: Int32) -> Never { agent_exit(code) }
    static func pause() -> Never { agent_pause() }

    /// Whether a wait status is that of a stop, not of an end (WIFSTOPPED).
    static func hasStopped(_ status: Int32) -> Bool { status & 0xFF == 0x7F }

    /// A child that has ended or stopped, and its wait status.
    static func reap() -> (process: Int32, status: Int32)? {
        var status: Int32 = 0
        // SAFETY: the status is written during the call only.
        let process = unsafe agent_reap(&status)
        return process > 0 ? (process, status) : nil
    }

    /// Waits for the end of a child that is about to end.
    static func await(_ process: Int32) { _ = agent_await(process) }

    static func signal(_ process: Descriptor, _ signal: Int32) -> Int32 {
        agent_signal_process(process.rawValue, signal)
    }

    /// SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU.
    static func isStop(_ signal: Int32) -> Bool { (19...22).contains(signal) }

    static func kill(_ process: Int32, _ signal: Int32) -> Int32 { agent_kill(process, signal) }
    static func newSession() -> Int32 { agent_new_session() }
    static func forbidDumps() -> Int32 { agent_forbid_dumps() }
    static func resetSignals() -> Int32 { agent_reset_signals() }
    static func setAlarm(milliseconds: UInt32) { _ = agent_set_alarm(milliseconds) }
    static func cancelAlarm() { _ = agent_cancel_alarm() }
    static func setModeMask(_ mask: UInt32) { _ = agent_set_mode_mask(mask) }

    static func setLimit(_ limit: ResourceLimit) -> Int32 { agent_set_limit(limit.resource, limit.soft, limit.hard) }

    static func setHostName(_ name: String) -> Int32 {
        // SAFETY: the C string lives for the call; its length is the text's.
        unsafe agent_set_host_name(name, name.utf8.count)
    }

    static func setDomainName(_ name: String) -> Int32 {
        // SAFETY: the C string lives for the call; its length is the text's.
        unsafe agent_set_domain_name(name, name.utf8.count)
    }

    static var processID: Int32 { agent_process_id() }
    static func synchronize() { agent_synchronize() }
    static func powerOff() -> Int32 { agent_power_off() }
}

// MARK: credentials

extension Kernel {
    static func setGroups(_ groups: [UInt32]) -> Int32 {
        // SAFETY: address and count are the array's own.
        unsafe groups.withUnsafeBufferPointer { unsafe agent_set_groups($0.baseAddress, $0.count) }
    }

    static func setGroup(_ group: UInt32) -> Int32 { agent_set_group(group) }
    static func setUser(_ user: UInt32) -> Int32 { agent_set_user(user) }
    /// Who owns what is made from now on; the process's capabilities stay.
    static func setOwner(user: UInt32, group: UInt32) -> Int32 { agent_set_owner(user, group) }
    static func keepCapabilities(_ keep: Bool) -> Int32 { agent_keep_capabilities(keep) }
    static func dropFromBoundingSet(_ capability: UInt32) -> Int32 { agent_drop_bounding(capability) }

    static func setCapabilities(_ sets: CapabilitySets) -> Int32 {
        agent_set_capabilities(sets.effective, sets.permitted, sets.inheritable)
    }

    static func clearAmbientCapabilities() -> Int32 { agent_clear_ambient() }
    static func raiseAmbientCapability(_ capability: UInt32) -> Int32 { agent_raise_ambient(capability) }
    static func forbidNewPrivileges() -> Int32 { agent_forbid_new_privileges() }

    static func setFilter(_ filter: SeccompFilter) -> Int32 {
        // SAFETY: address and count are the array's own; the kernel copies the program.
        unsafe filter.program.withUnsafeBytes { unsafe agent_set_filter(filter.flags, $0.baseAddress, $0.count) }
    }

    static func restrictDevices(_ controlGroup: Int32) -> Int32 { agent_restrict_devices(controlGroup) }
}

/// Strings as execve(2) takes them: an array of C strings that ends with a null pointer.
@unsafe
private final class CStringVector {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

    /// The memory is never given back: the vector is made right before execve(2), or the process ends.
    init(_ strings: CStringList) {
        let bytes = strings.bytes
        // SAFETY: every byte and every slot is initialized here; a slot for each zero, and the last one. A slot holds the
        // address behind the zero before it, which lies within the bytes since they end with a zero.
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
        var count = 0
        for (index, byte) in bytes.enumerated() {
            unsafe copy[index] = CChar(bitPattern: byte)
            if byte == 0 { count += 1 }
        }
        unsafe pointers = .allocate(capacity: count + 1)
        var (slot, start) = (0, 0)
        for (index, byte) in bytes.enumerated() where byte == 0 {
            unsafe (pointers + slot).initialize(to: copy + start)
            (slot, start) = (slot + 1, index + 1)
        }
        unsafe (pointers + count).initialize(to: nil)
    }
}
