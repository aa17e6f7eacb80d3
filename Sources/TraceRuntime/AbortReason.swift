/// Why an event is not answered by compiled code, and goes on in a container. The numbers are those of the import `abort`.
public enum AbortReason: Int32, Sendable {
    /// A construct that is not compiled.
    case construct = 1
    /// A value of a kind that the operation is not compiled for.
    case type = 2
    /// It would change what outlives the event.
    case state = 3
    case memory = 4
    /// An exception that JavaScript would make, whose handling or text is the container's.
    case exception = 5
    /// A name of Object.prototype, looked up or made on an object.
    case prototype = 6
    /// A number, text or pattern beyond what is done exactly.
    case value = 7
    /// More external calls than an event may make.
    case calls = 8
    /// Control went to a branch that no event has taken.
    case path = 9
    // What the sandbox reports by itself.
    case time = 100
    case stack = 101
    /// The code did what compiled code never does.
    case violation = 102
}
