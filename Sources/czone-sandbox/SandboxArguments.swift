/// What `czone-sandbox` is started with.
struct SandboxArguments {
    var library = ""
    var module = ""
    var socket = ""
    var isJailed = true

    init(_ arguments: [String]) throws(UsageError) {
        var rest = arguments[...]
        while let word = rest.popFirst() {
            guard let value = rest.popFirst() else { throw UsageError("\(word): a value is missing") }
            switch word {
            case "--library": library = value
            case "--module": module = value
            case "--socket": socket = value
            case "--jail" where ["on", "off"].contains(value): isJailed = value == "on"
            default: throw UsageError("\(word) \(value): expected --library, --module, --socket or --jail on|off")
            }
        }
        guard ![library, module, socket].contains("") else {
            throw UsageError("czone-sandbox --library LIB --module FILE --socket PATH [--jail off]")
        }
    }
}

/// It was started in another way.
struct UsageError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
