import Acceleration

/// What `czone-sandbox` is started with.
struct SandboxArguments {
    /// Where its clients come from.
    enum Clients: Equatable {
        /// The path of a socket to listen at.
        case socket(String)
        /// Descriptors of connections that it was given; it ends with the last of them.
        case connections([Int32])
    }

    let library: String
    let module: String
    let clients: Clients
    /// Whom it becomes, behind the walls of a jail; nil: it stays who it is, and has filters alone.
    let user: UInt32?
    /// It goes on without a wall that the host refuses.
    let isReduced: Bool
    let isFiltered: Bool

    /// Connections, and what it has open before.
    static let maxDescriptors = 256

    private static let usage =
        "czone-sandbox --library LIB --module FILE --socket PATH|--connections N[,N…] [--user N] [--jail reduced|off]"

    init(_ words: [String]) throws(UsageError) {
        let arguments = try ProgramArguments(
            words, required: ["--library", "--module"], optional: ["--socket", "--connections", "--user", "--jail"],
            usage: Self.usage)
        library = arguments["--library"]
        module = arguments["--module"]
        clients = try Self.clients(socket: arguments["--socket"], connections: arguments["--connections"])
        let jail = arguments["--jail"]
        guard ["", "on", "reduced", "off"].contains(jail) else {
            throw UsageError("--jail \(jail): expected on, reduced or off")
        }
        (isFiltered, isReduced) = (jail != "off", jail == "reduced")
        let number = arguments["--user"]
        user = UInt32(number)
        guard number.isEmpty || (user ?? 0) > 0 else {
            throw UsageError("--user \(number): expected the number of a user that is not root")
        }
    }

    private static func clients(socket: String, connections: String) throws(UsageError) -> Clients {
        guard socket.isEmpty != connections.isEmpty else {
            throw UsageError("--socket or --connections, one of them: expected \(usage)")
        }
        if !socket.isEmpty { return .socket(socket) }
        let numbers = connections.split(separator: ",", omittingEmptySubsequences: false).map { Int32($0) ?? -1 }
        guard numbers.allSatisfy({ $0 > 2 }), numbers.count <= 64, Set(numbers).count == numbers.count else {
            throw UsageError("--connections \(connections): expected at most 64 numbers of descriptors above 2")
        }
        return .connections(numbers)
    }
}
