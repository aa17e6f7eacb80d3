/// The kinds of threads of czone's processes, each with a filter of its own.
public enum ThreadKind: Equatable, Sendable {
    /// Of `czone-vm`: waits for all host events.
    case event
    /// The same where the machine is saved when it has ended: it reads the machine's state, and writes files.
    case savingEvent
    /// The same where the console is a terminal, which is put back into its state at the end.
    case terminalEvent
    /// Runs a vCPU.
    case processor
    /// Moves frames between the network device's queues and taps.
    case network
    /// Passes the guest's requests for files on.
    case files
    /// Writes logs and exit records.
    case disk
    /// Of `czone-files`: does the guest's requests for files.
    case fileServer
    /// Of `czone-fabric`, every one.
    case fabric
    /// Of `czone-sandbox`, both: nothing is opened, connected to or made executable any more.
    case sandbox

    /// Its name, in the line that reports a call which its filter forbids.
    public var name: StaticString {
        switch self {
        case .event, .savingEvent, .terminalEvent: "event"
        case .processor: "vcpu"
        case .network: "network"
        case .files: "files"
        case .disk: "disk"
        case .fileServer: "file server"
        case .fabric: "fabric"
        case .sandbox: "sandbox"
        }
    }
}
