/// What `czone-fabric` is started with, by `FabricLaunch`.
struct FabricArguments {
    /// Connections of containers and to services.
    static let maxDescriptors = 65_536

    /// A socket that listens.
    var socket: Int32 = -1
    var tenant = ""
    /// The host's user that it becomes.
    var user: UInt32 = 0
    /// It goes on without walls that the host refuses.
    var isReduced = false

    init(_ arguments: [String]) throws(FabricUsageError) {
        var rest = arguments[...]
        while let word = rest.popFirst() {
            guard let value = rest.popFirst() else { throw FabricUsageError(word) }
            switch word {
            case "--socket": socket = Int32(value) ?? -1
            case "--tenant": tenant = value
            case "--user": user = UInt32(value) ?? 0
            case "--jail": isReduced = value == "reduced"
            default: throw FabricUsageError(word)
            }
        }
        guard socket > 2, !tenant.isEmpty, user > 0 else { throw FabricUsageError(arguments.first ?? "nothing") }
    }
}

/// It was not started by czone.
struct FabricUsageError: Error, CustomStringConvertible {
    let description: String

    init(_ word: String) {
        description =
            "czone starts this program, for a tenant's first container with --fabric: "
            + "\(word) is not what it is started with (--socket N --tenant NAME --user N [--jail reduced])"
    }
}
