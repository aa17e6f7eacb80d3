import ArgumentParser
import LeanJSON
import LinuxSystem
import Runtime

struct FunctionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "function", abstract: "Defines, shows and calls functions of the gateway.",
        subcommands: [
            CreateCommand.self, ListCommand.self, ShowCommand.self, DeleteCommand.self, LogsCommand.self,
            InvokeCommand.self,
        ])

    /// What every one of them takes.
    struct Options: ParsableArguments {
        @OptionGroup var global: GlobalOptions
        @Option(help: "The path of the gateway's administration socket.", completion: .file())
        var socket: String?

        func ask(_ body: (GatewayClient) throws -> Void) throws {
            try global.perform { try body(GatewayClient(root: global.root, socket: socket)) }
        }
    }

    /// What those take that are about one function.
    struct Target: ParsableArguments {
        @OptionGroup var options: Options
        @Argument(help: "Which function.")
        var name: String

        /// - Parameter body: takes the path of the function at the gateway, too.
        func ask(_ body: (GatewayClient, String) throws -> Void) throws {
            try options.ask { client in
                // A name that can stand in a path.
                try FunctionKey.check(name, is: "function name")
                try body(client, "/functions/\(name)")
            }
        }
    }

    struct CreateCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Defines a function, or defines it anew.")

        @OptionGroup var options: Options
        @Argument(help: "A file with its definition in YAML; - for standard input.", completion: .file())
        var file: String
        @Option(help: "on, off or observe, instead of what the file says: whether its handler is compiled.")
        var accelerate: String?

        func run() throws {
            try options.ask { client in
                let path = file == "-" ? "/dev/stdin" : file
                guard var text = try FileSystem.contents(of: path, atMost: 1 << 20) else {
                    throw RuntimeError.invalid("there is no file \(quoted(file))")
                }
                if let accelerate { text = try Self.definition(text, accelerate: accelerate) }
                printOutput(GatewayClient.line(try client.done("POST", "/functions", body: text)))
            }
        }

        /// A definition with another value of `accelerate`. What is not one of its words the gateway refuses.
        static func definition(_ text: [UInt8], accelerate: String) throws -> [UInt8] {
            guard ["on", "off", "observe"].contains(accelerate) else {
                throw ValidationError("--accelerate \(quoted(accelerate)): expected on, off or observe")
            }
            let yaml = String(decoding: text, as: UTF8.self)
            let isFlow = yaml.first { !$0.isWhitespace } == "{"
            if isFlow, let brace = yaml.firstIndex(of: "{") {
                return Array(
                    "\(yaml[...brace]) \"accelerate\": \(accelerate), \(yaml[yaml.index(after: brace)...])".utf8)
            }
            let lines = yaml.split(separator: "\n", omittingEmptySubsequences: false)
                .filter { !$0.hasPrefix("accelerate:") && $0 != "---" && $0 != "..." }
            return Array("accelerate: \(accelerate)\n\(lines.joined(separator: "\n"))".utf8)
        }
    }

    struct ListCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Lists functions.", aliases: ["ls"])

        @OptionGroup var options: Options
        @Flag(help: "As JSON.")
        var json = false

        func run() throws {
            try options.ask { client in
                let body = try client.done("GET", "/functions")
                if json { return printOutput(body) }
                let value = JSONValue(body)
                var table = Table(
                    ["NAME", "TENANT", "KIND", "CONTAINERS", "WAITING", "REQUESTS", "ERRORS", "COLD STARTS"],
                    rightAligned: [3, 4, 5, 6, 7])
                for function in value?["functions"]?.elements ?? [] {
                    let account = function["account"]
                    let numbers = [
                        function["waiting"], account?["requests"], account?["errors"], account?["coldStarts"],
                    ]
                    table.add(
                        ["name", "tenant", "kind"].map { function[$0]?.text ?? "" }
                            + ["\(function["containers"]?.elements?.count ?? 0)"]
                            + numbers.map { "\($0?.number ?? 0)" })
                }
                printOutput(table.text)
                for error in value?["errors"]?.elements ?? [] { printError("czone: \(error.text ?? "")") }
            }
        }
    }

    struct ShowCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Shows a function, its containers and what it has used, as JSON.")

        @OptionGroup var target: Target
        @Flag(
            help: "Shows for people how its handler is compiled: share, aborts and what is not compiled, with places.")
        var tree = false

        func run() throws {
            try target.ask { client, path in
                let body = try client.done("GET", path)
                guard tree else { return printOutput(body) }
                printOutput(AccelerationTree.text(JSONValue(body)))
            }
        }
    }

    struct DeleteCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "delete", abstract: "Removes a function; its containers end when they have answered.",
            aliases: ["rm"])

        @OptionGroup var target: Target

        func run() throws {
            try target.ask { client, path in _ = try client.done("DELETE", path) }
        }
    }

    struct LogsCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "logs", abstract: "Shows the end of what a function's containers have printed.")

        @OptionGroup var target: Target

        func run() throws {
            try target.ask { client, path in printOutput(try client.done("GET", path + "/log")) }
        }
    }

    struct InvokeCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "invoke", abstract: "Calls a function and prints its answer.")

        @Option(help: "The path that it is asked for.")
        var path = "/"
        @Option(help: "The body; with it the request is a POST.")
        var data: String?
        @Option(help: "The body's type.")
        var contentType = "application/json"
        @Option(help: "How long it is waited for, in seconds.")
        var timeout: Int32 = 900
        @OptionGroup var target: Target

        func run() throws {
            try target.ask { client, function in
                guard path.hasPrefix("/"), !path.utf8.contains(where: { $0 <= 0x20 }), (1...86_400).contains(timeout)
                else {
                    throw ValidationError("--path is a path that begins with /, --timeout 1 to 86400 seconds")
                }
                let answer = try client.ask(
                    data == nil ? "GET" : "POST", "\(function)/invoke\(path)",
                    body: Array((data ?? "").utf8), headers: data == nil ? [] : ["Content-Type: \(contentType)"],
                    withinMilliseconds: timeout * 1000)
                guard answer.status < 400 else {
                    throw RuntimeError.invalid("status \(answer.status): \(GatewayClient.line(answer.body))")
                }
                printOutput(answer.body)
            }
        }
    }
}
