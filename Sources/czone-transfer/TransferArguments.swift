/// What `czone-transfer` is started with: by `czone template push` and `pull`, and in the background where a template is
/// missing (`TemplateSource`).
struct TransferArguments {
    enum Verb: String {
        /// REFERENCE TEMPLATE
        case push
        /// REFERENCE
        case pull
        /// REPOSITORY, and a key as JSON on standard input: only what is for that key.
        case provide
    }

    var verb: Verb
    var store = ""
    var root = ""
    /// A file as docker writes it; nil: the user's own, if there is one.
    var credentials: String?
    /// A PEM file of authorities that vouch for registries.
    var authorities: String?
    var allowsPlain = false
    /// For the whole transfer, in seconds.
    var timeoutInSeconds = 600
    var words: [String] = []

    init(_ arguments: [String]) throws(TransferUsageError) {
        guard let verb = arguments.first.flatMap({ Verb(rawValue: $0) }) else {
            throw TransferUsageError(arguments.first ?? "nothing")
        }
        self.verb = verb
        var rest = arguments.dropFirst()
        while let word = rest.popFirst() {
            guard word.hasPrefix("--") else {
                words.append(word)
                continue
            }
            if word == "--plain-http" {
                allowsPlain = true
                continue
            }
            guard let value = rest.popFirst() else { throw TransferUsageError(word) }
            switch word {
            case "--store": store = value
            case "--root": root = value
            case "--credentials": credentials = value
            case "--ca": authorities = value
            case "--timeout": timeoutInSeconds = Int(value) ?? 0
            default: throw TransferUsageError(word)
            }
        }
        let isWhole = words.count == (verb == .push ? 2 : 1) && !store.isEmpty && !root.isEmpty
        guard isWhole, (1...86_400).contains(timeoutInSeconds) else {
            throw TransferUsageError(arguments.joined(separator: " "))
        }
    }
}

/// It was not started by czone.
struct TransferUsageError: Error, CustomStringConvertible {
    let description: String

    init(_ words: String) {
        description =
            "czone starts this program, for `czone template push` and `pull`: \(words) is not what it is started with "
            + "(push REFERENCE TEMPLATE | pull REFERENCE | provide REPOSITORY, --store DIRECTORY --root DIRECTORY "
            + "[--credentials FILE] [--ca FILE] [--plain-http] [--timeout 1…86400])"
    }
}
