public import ArgumentParser
import Glibc
import LinuxSystem
public import Logging
public import Logs
import OCI
import Runtime
import SystemPackage

/// What every command takes.
struct GlobalOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Who runs where (CZONE_ROOT, else /run/czone).", valueName: "directory"))
    var root: String?

    @Option(help: ArgumentHelp("Images (CZONE_STORE, else /var/lib/czone).", valueName: "directory"))
    var store: String?

    @Option(
        help: ArgumentHelp(
            "The least level that is logged on standard error: critical, error, warning, notice, info, debug or trace.",
            valueName: "level"))
    var logLevel: Logger.Level?

    @Option(help: ArgumentHelp("The log's format: text, or json for a JSON object a line.", valueName: "format"))
    var logFormat: LogFormat?

    /// Runs what a command does, after the choices that are not passed on as values; a failure becomes one line and the
    /// exit code 1.
    func perform(_ body: () throws -> Void) throws {
        Log.choose(level: logLevel, format: logFormat)
        try reportingFailures(body)
    }

    /// Does something for each of the containers, and prints which it is done for; a failure is reported and does not
    /// keep the others from their turn.
    func performForEach(_ containers: [String], _ body: (Registry, String) throws -> Void) throws {
        try perform {
            let registry = try registry()
            try registry.cleanUp()
            try forEach(containers) { name in
                try body(registry, name)
                printOutput(name)
            }
        }
    }

    func registry() throws -> Registry { try Self.registry(root) }
    func images() throws -> ImageStore { try Self.images(store) }

    static func registry(_ root: String?) throws -> Registry {
        try Registry(root: absolute(HostDirectories.root(root)))
    }

    static func images(_ store: String?) throws -> ImageStore {
        let images = try HostDirectories.images(of: absolute(HostDirectories.store(store)))
        try images.awaitAnswer()
        return images
    }

    private static func absolute(_ path: String) -> FilePath {
        let path = FilePath(unescaping: path)
        return path.isAbsolute ? path : CurrentProcess.workingDirectory.pushing(path).lexicallyNormalized()
    }

    /// Lets these options stand before the command's name too, as other container tools have them.
    static func takingLeading(_ arguments: [String]) -> [String] {
        let names = ["--root", "--store", "--log-level", "--log-format"]
        var rest = arguments[...]
        var leading: [String] = []
        while let first = rest.first {
            if names.contains(first), rest.count >= 2 {
                leading += rest.prefix(2)
                rest = rest.dropFirst(2)
            } else if names.contains(where: { first.hasPrefix($0 + "=") }) {
                leading.append(first)
                rest = rest.dropFirst()
            } else {
                break
            }
        }
        guard let command = rest.first, !command.hasPrefix("-"), !leading.isEmpty else { return arguments }
        // A command of commands (vm, image) takes them after its second word.
        let words = ["vm", "image", "template", "bench", "function", "fabric"].contains(command) ? 2 : 1
        return Array(rest.prefix(words)) + leading + rest.dropFirst(words)
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {
    // A level is both a raw value and a lossless text, and ArgumentParser reads either.
    public init?(argument: String) { self.init(rawValue: argument) }
}
extension LogFormat: ExpressibleByArgument {}
