import CLinux
public import LinuxSystem
import SystemPackage

/// What a process gives up before it serves somebody hostile: a VM's guest, or who has taken a VM over. By a process of one
/// thread, after it has opened all that it will need.
public struct Confinement: Sendable {
    /// The user that the process has afterwards, and what else it keeps.
    public enum Identity: Equatable, Sendable {
        /// A user of the host's that nothing there belongs to, in a user namespace of its own, without capabilities.
        case user(UInt32)
        /// The user that it had, with the capabilities that serving files takes, over the files that its descriptors reach.
        case fileServer
        /// Likewise, and it stays in the host's network and root: it connects to the outside.
        case client(UInt32)
    }

    /// What is done where the host refuses a wall.
    public enum Strictness: Equatable, Sendable {
        /// The process ends.
        case full
        /// It goes on without that one, and says so.
        case reduced
    }

    /// A wall that the host refused.
    public struct Failure: Error, CustomStringConvertible {
        let wall: String
        let cause: SystemError

        /// The wall, and why it does not stand.
        public var finding: String { "\(wall): \(cause.errno)" }

        public var description: String {
            "the jail is not whole: \(finding); `czone doctor` says what the host lacks, and `jail: reduced` of "
                + "the configuration goes on without it"
        }
    }

    private struct Steps {
        let strictness: Strictness
        var lacking: [Failure] = []

        mutating func take(_ wall: String, _ body: () throws(SystemError) -> Void) throws(Failure) {
            do { try body() } catch {
                let failure = Failure(wall: wall, cause: error)
                guard strictness == .reduced else { throw failure }
                lacking.append(failure)
            }
        }
    }

    public let identity: Identity
    public let strictness: Strictness

    public init(_ identity: Identity, _ strictness: Strictness) {
        self.identity = identity
        self.strictness = strictness
    }

    /// Goes behind the walls; those that the host refused, which there are only where the jail may be reduced.
    ///
    /// - Parameters:
    ///   - maxDescriptors: how many the process may have open from then on.
    ///   - prepared: namespaces and a root that are there already.
    ///   - openOwn: opens what it needs of its own in /proc, which is still there; for a file server that /proc shows no
    ///     other process.
    public func enter(
        maxDescriptors: Int, through prepared: PreparedWalls? = nil, openOwn: () throws(SystemError) -> Void = {}
    ) throws(Failure) -> [Failure] {
        var steps = Steps(strictness: strictness)
        let own = try? OwnedDescriptor(opening: "/proc/self", flags: 0)
        try steps.take("limits") { () throws(SystemError) in
            try checked(clinux_limit_resources(UInt64(maxDescriptors)), "limit resources")
        }
        if case .client = identity {
            // Its user and its filters are its walls.
        } else if let prepared {
            try steps.take("namespaces and an empty root of its own") { () throws(SystemError) in try prepared.enter() }
        } else {
            try leave(&steps, openOwn)
        }
        if let number = identity.user {
            try steps.take("the user \(number), in a user namespace of its own") { () throws(SystemError) in
                try checked(clinux_become_user(own?.rawValue ?? -1, number), "become another user")
            }
        }
        let kept = identity == .fileServer ? fileServerCapabilities : 0
        try steps.take("no privileges") { () throws(SystemError) in
            try checked(clinux_drop_privileges(kept), "drop privileges")
        }
        return steps.lacking
    }

    /// Namespaces and root, by this thread.
    private func leave(
        _ steps: inout Steps, _ openOwn: () throws(SystemError) -> Void
    ) throws(Failure) {
        try steps.take("namespaces of its own") { () throws(SystemError) in
            try checked(clinux_leave_namespaces(), "leave the host's namespaces")
        }
        if identity == .fileServer {
            // By a descriptor of the host's /proc it could reach whatever process has no more privileges than itself.
            try steps.take("a /proc of its own") { () throws(SystemError) in
                try checked(clinux_mount_own_proc(), "mount a /proc of its own")
            }
        }
        try steps.take("files of its own") { () throws(SystemError) in try openOwn() }
        try steps.take("an empty root") { () throws(SystemError) in
            try checked(clinux_leave_root(), "leave the host's root")
        }
    }

    /// No other process's threads run on a core at the same time as this one's (PR_SCHED_CORE; since Linux 5.14).
    public static func claimCores() throws(SystemError) {
        try checked(clinux_claim_core(), "claim processor cores (core-scheduling)")
    }

    /// No memory of this process is merged with others' of the same contents (KSM), whatever its starter has chosen.
    public static func forbidMerging() { clinux_forbid_merging() }

    /// Makes the process fit for filters, before it has a second thread: a call that a filter forbids ends it, with a line
    /// on standard error that names thread and call, and the C library's heap makes no calls but those for memory.
    ///
    /// - Parameter program: the process's name, for the line.
    public static func watchFilters(program: StaticString = "czone-vm") throws(SystemError) {
        clinux_share_heap()
        // SAFETY: a literal lives as long as the process.
        let result = program.withUTF8Buffer { name in
            unsafe name.withMemoryRebound(to: CChar.self) { unsafe clinux_watch_filters($0.baseAddress) }
        }
        try checked(result, "watch for forbidden system calls")
    }
}

extension Confinement.Identity {
    /// The user of the host's that it becomes; nil: it stays who it is.
    fileprivate var user: UInt32? {
        switch self {
        case .user(let number), .client(let number): number
        case .fileServer: nil
        }
    }
}
