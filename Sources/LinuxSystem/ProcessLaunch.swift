import CLinux
import Glibc
import SystemPackage

// SAFETY: the C calls of this file without a reason of their own borrow a string, an array with its count or a local
// variable, and only for the call.

/// A program to start in a process of its own. It gets the descriptors that are named here and none else.
public struct ProcessLaunch: Sendable {
    /// A path; PATH is not searched.
    public var program: String
    /// The first is the program's name.
    public var arguments: [String]
    /// `NAME=value` each; nothing is inherited.
    public var environment: [String]
    public var input: OwnedDescriptor
    public var output: OwnedDescriptor
    public var error: OwnedDescriptor
    /// Further descriptors that the program finds under the same numbers.
    public var kept: [OwnedDescriptor] = []
    /// Files of control groups (cgroup.procs), which it is in from its first instruction on.
    public var groups: [OwnedDescriptor] = []
    /// A file that gets the process's id, in decimal, before the program begins: nobody can be killed in between.
    public var identityFile: OwnedDescriptor?
    /// A session of its own in the root directory: it outlives the terminal that it was started from.
    public var isDetached = false
    /// A process namespace of its own: it sees no other process.
    public var seesNoProcesses = false

    public init(
        _ program: String, arguments: [String], environment: [String], input: OwnedDescriptor, output: OwnedDescriptor,
        error: OwnedDescriptor
    ) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
        self.input = input
        self.output = output
        self.error = error
    }

    /// Starts it; throws when the program cannot be run too.
    public func start() throws(SystemError) -> ChildProcess {
        // SAFETY: strdup(3) gives each text NUL-terminated; both lists end with nil and are freed below, after the call.
        var arguments = unsafe arguments.map { unsafe strdup($0) } + [nil]
        var environment = unsafe environment.map { unsafe strdup($0) } + [nil]
        defer { unsafe (arguments + environment).forEach { unsafe free($0) } }
        let descriptors = kept.map(\.rawValue)
        let groups = groups.map(\.rawValue)
        // SAFETY: every pointer lives until clinux_launch returns, which is when the child has left our memory.
        let result = unsafe program.withCString { program in
            unsafe arguments.withUnsafeMutableBufferPointer { arguments in
                unsafe environment.withUnsafeMutableBufferPointer { environment in
                    unsafe descriptors.withUnsafeBufferPointer { descriptors in
                        unsafe groups.withUnsafeBufferPointer { groups in
                            var launch = unsafe clinux_launch(
                                program: program, arguments: arguments.baseAddress,
                                environment: environment.baseAddress, input: input.rawValue, output: output.rawValue,
                                error: error.rawValue, kept: descriptors.baseAddress, kept_count: descriptors.count,
                                identity: identityFile?.rawValue ?? -1, groups: groups.baseAddress,
                                group_count: groups.count, detached: isDetached, own_processes: seesNoProcesses)
                            return unsafe clinux_launch(&launch)
                        }
                    }
                }
            }
        }
        return ChildProcess(id: try checked(result, "run \(program)"))
    }
}

/// A process that this one has started.
public struct ChildProcess: Sendable {
    public let id: Int32

    public init(id: Int32) { self.id = id }

    /// Lets a thread of its own wait for the end, so that a process that lives long keeps no dead children.
    public func reapAtItsEnd() throws(SystemError) { _ = try Thread(named: "reaper") { _ = try? waitForEnd() } }

    /// How a process ended: its exit code, or 128 + the signal that killed it.
    public func waitForEnd() throws(SystemError) -> Int32 {
        var status: CInt = 0
        while unsafe waitpid(id, &status, 0) < 0 {
            if errno != EINTR { throw SystemError("wait for process \(id)", Errno(rawValue: errno)) }
        }
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }

    /// The same with a time limit: a process that has not ended by then is killed, and the result is nil.
    public func waitForEnd(withinMilliseconds limit: CInt) throws(SystemError) -> Int32? {
        let hasEnded =
            if let process = try watch(process: id) {
                try process.isReadable(by: Deadline(inMilliseconds: limit))
            } else { true }
        if !hasEnded { sendSignal(SIGKILL, to: id) }
        let status = try waitForEnd()
        return hasEnded ? status : nil
    }
}

/// Sends a signal to the process of a descriptor (`watch(process:)`), and to no other that has its number by now; whether
/// it was there to get it.
@discardableResult
public func sendSignal(_ signal: Int32, to process: OwnedDescriptor) -> Bool {
    clinux_signal_process(process.rawValue, signal) == 0
}

/// Sends a signal to a process by its number; whether there was one to get it. Only for a child that nobody has waited for.
@discardableResult
public func sendSignal(_ signal: Int32, to process: Int32) -> Bool { process > 0 && kill(process, signal) == 0 }

/// A descriptor that becomes readable when a process ends, whosever child it is; nil when it has ended already.
public func watch(process: Int32) throws(SystemError) -> OwnedDescriptor? {
    let result = clinux_process_descriptor(process)
    if result == -ESRCH { return nil }
    return OwnedDescriptor(taking: try checked(result, "watch process \(process)"))
}

/// PATH where nobody has set one.
public let defaultSearchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/// The file of a program's name: itself where it has a slash, else the first one in PATH that can be run.
public func findProgram(_ name: String) -> String? {
    let path = CurrentProcess.environment("PATH") ?? defaultSearchPath
    let candidates = name.contains("/") ? [name] : path.split(separator: ":").map { "\($0)/\(name)" }
    return candidates.first { unsafe access($0, X_OK) == 0 }
}
