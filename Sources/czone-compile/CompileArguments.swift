import Acceleration

/// What `czone-compile` is started with.
struct CompileArguments {
    let library: String
    let runtime: String
    let trace: String
    let output: String

    init(_ words: [String]) throws(UsageError) {
        let arguments = try ProgramArguments(
            words, required: ["--library", "--runtime", "--trace", "--output"],
            usage: "czone-compile --library LIB --runtime FILE --trace FILE --output FILE")
        library = arguments["--library"]
        runtime = arguments["--runtime"]
        trace = arguments["--trace"]
        output = arguments["--output"]
    }
}
