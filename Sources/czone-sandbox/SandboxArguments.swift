import Acceleration

/// What `czone-sandbox` is started with.
struct SandboxArguments {
    let library: String
    let module: String
    let socket: String
    let isJailed: Bool

    init(_ words: [String]) throws(UsageError) {
        let arguments = try ProgramArguments(
            words, required: ["--library", "--module", "--socket"], optional: ["--jail"],
            usage: "czone-sandbox --library LIB --module FILE --socket PATH [--jail off]")
        library = arguments["--library"]
        module = arguments["--module"]
        socket = arguments["--socket"]
        let jail = arguments["--jail"]
        guard ["", "on", "off"].contains(jail) else { throw UsageError("--jail \(jail): expected on or off") }
        isJailed = jail != "off"
    }
}
