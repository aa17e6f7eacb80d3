public import ControlProtocol
public import LinuxSystem

/// Why the runtime could not do something. Each description is one line for a person.
public enum RuntimeError: Error, CustomStringConvertible {
    case system(SystemError)
    /// A VM or its answer makes no sense.
    case conversation(String)
    /// A VM refused.
    case refused(Refusal)
    /// The VM closed the connection before it answered; `lastWords` is what it last said in its log.
    case virtualMachineEnded(id: String, lastWords: String)
    /// The VM's process has not answered for so many milliseconds: it is stopped or stuck.
    case silent(id: String, milliseconds: CInt)
    case noContainer(String)
    case noVirtualMachine(String)
    /// Several containers or VMs begin with the text.
    case ambiguous(text: String, matches: [String])
    case containerExists(String)
    /// A text that is no container name.
    case invalidName(what: String, value: String)
    /// Something else that is not as it must be; already a sentence.
    case invalid(String)
    /// A file of the registry that cannot be read.
    case broken(path: String, reason: String)
    /// A container that is asked for something that only a running one can do.
    case notRunning(String)
    /// The host has no memory for another VM; already a sentence.
    case noMemory(String)
    case stillRunning(String)

    public var description: String {
        switch self {
        case .system(let error): error.description
        case .conversation(let text): text
        case .refused(let refusal): refusal.text
        case .virtualMachineEnded(let id, let lastWords):
            lastWords.isEmpty
                ? "the VM \(id) ended before it answered"
                : "the VM \(id) ended before it answered; its last words: \(lastWords)"
        case .silent(let id, let milliseconds):
            "the VM \(id) has not answered within \(milliseconds / 1000) s; `czone vm stop \(id)` ends it"
        case .noContainer(let text): "there is no container \(quoted(text)); see `czone ps -a`"
        case .noVirtualMachine(let text): "there is no VM \(quoted(text)); see `czone vm list`"
        case .ambiguous(let text, let matches): "\(quoted(text)) may be any of \(matches.joined(separator: ", "))"
        case .containerExists(let name):
            "there is a container \(quoted(name)) already; remove it with `czone rm \(name)`"
        case .invalidName(let what, let value):
            "\(quoted(value)) is no \(what): expected 1 to 128 letters, digits and . _ -, beginning with a letter or digit"
        case .invalid(let text), .noMemory(let text): text
        case .broken(let path, let reason): "\(path) is broken: \(reason)"
        case .notRunning(let id): "the container \(id) is not running"
        case .stillRunning(let id):
            "the container \(id) is running; stop it with `czone kill \(id)`, or use `czone rm -f \(id)`"
        }
    }
}

/// Runs what fails with a system error where only runtime errors can be thrown.
func system<Result: ~Copyable>(_ body: () throws(SystemError) -> Result) throws(RuntimeError) -> Result {
    do { return try body() } catch { throw .system(error) }
}
