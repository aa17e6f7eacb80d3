/// What `czone-compile` is started with.
struct CompileArguments {
    var library = ""
    var runtime = ""
    var trace = ""
    var output = ""

    init(_ arguments: [String]) throws(UsageError) {
        var rest = arguments[...]
        while let word = rest.popFirst() {
            guard let value = rest.popFirst() else { throw UsageError("\(word): a value is missing") }
            switch word {
            case "--library": library = value
            case "--runtime": runtime = value
            case "--trace": trace = value
            case "--output": output = value
            default: throw UsageError("\(word): expected --library, --runtime, --trace or --output")
            }
        }
        guard ![library, runtime, trace, output].contains("") else {
            throw UsageError("czone-compile --library LIB --runtime FILE --trace FILE --output FILE")
        }
    }
}

/// It was started in another way.
struct UsageError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
