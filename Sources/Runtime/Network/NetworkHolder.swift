public import LinuxSystem
import Glibc
import Synchronization
import SystemPackage

/// A process of the host that stands for a container in a VM: its network namespace is the container's as the host has it,
/// which others lead interfaces into, and its id is what they know the container by. It does nothing and ends with
/// the process that started it.
public final class NetworkHolder: Sendable {
    /// How long a killed process may take to end, in milliseconds.
    private static let patience: CInt = 5_000

    public let processID: Int32
    /// The namespace was made for the container: nobody else has a place for it.
    public let isContainersOwn: Bool
    /// Readable when the process has ended.
    public let ended: OwnedDescriptor
    private let process: ChildProcess
    /// The other end of its standard input, which it waits for the end of.
    private let lifeline: Mutex<OwnedDescriptor?>

    /// Starts it.
    ///
    /// - Parameters:
    ///   - command: a program that ends when its standard input does, and its arguments.
    ///   - path: a file that stands for the namespace; nil: a new one, with its loopback up.
    public init(_ command: [String], namespaceAt path: String?) throws(RuntimeError) {
        isContainersOwn = path == nil
        let started = try system { () throws(SystemError) in
            let null = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
            let (input, lifeline) = try OwnedDescriptor.pipe()
            var launch = ProcessLaunch(
                command[0], arguments: command, environment: [], input: input, output: null, error: null)
            launch.isDetached = true
            let process =
                if let path { try NetworkNamespace(at: path).start(launch) } else { try launch.startInNewNetwork() }
            return (process, lifeline)
        }
        process = started.0
        lifeline = Mutex(started.1)
        processID = process.id
        let ended = try system { () throws(SystemError) in try watch(process: started.0.id) }
        guard let ended else {
            throw .invalid("\(command[0]), which is to hold a network namespace, has ended at once")
        }
        self.ended = ended
        guard path == nil else { return }
        try system { [namespacePath] () throws(SystemError) in
            try RoutingSocket(try NetworkNamespace(at: namespacePath)).raiseLoopback()
        }
    }

    /// The file that stands for the namespace, while the process lives.
    public var namespacePath: String { "/proc/\(processID)/ns/net" }

    /// Ends it. The namespace stays where somebody else has it.
    public func end() {
        let isFirst = lifeline.withLock { lifeline in
            defer { lifeline = nil }
            return lifeline != nil
        }
        guard isFirst else { return }
        sendSignal(SIGKILL, to: ended)
        _ = try? process.waitForEnd(withinMilliseconds: Self.patience)
    }

    deinit { end() }
}
