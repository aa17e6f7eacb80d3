import Logging
import Logs
import Runtime

/// What stands behind `czone run`, read in one pass.
///
/// `RunCommand` describes the same options for help and for whatever is wrong. It is not asked for a command that is
/// right: the first use of ArgumentParser takes longer than everything else that this process does for a container.
struct RunArguments: Equatable {
    var options = RunOptions()
    var root: String?
    var store: String?
    var logLevel: Logger.Level?
    var logFormat: LogFormat?

    init(
        _ options: RunOptions, root: String?, store: String?, logLevel: Logger.Level?, logFormat: LogFormat?
    ) {
        self.options = options
        self.root = root
        self.store = store
        self.logLevel = logLevel
        self.logFormat = logFormat
    }

    /// Nil for anything that is not plainly right.
    init?(_ arguments: [String]) {
        var rest = arguments[...]
        while let word = rest.first, word.hasPrefix("-"), word != "-" {
            rest = rest.dropFirst()
            if word == "--" { break }
            guard word.hasPrefix("--") ? takeLong(word, &rest) : takeShort(word, &rest) else { return nil }
        }
        guard let image = rest.first, !image.isEmpty else { return nil }
        options.image = image
        options.arguments = Array(rest.dropFirst())
        if options.arguments.first == "--" { options.arguments.removeFirst() }
    }

    private mutating func takeLong(_ word: String, _ rest: inout ArraySlice<String>) -> Bool {
        let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        if parts.count == 1, setFlag(name) { return true }
        guard let value = parts.count == 2 ? String(parts[1]) : Self.value(&rest) else { return false }
        return set(name, value)
    }

    /// `-i`, `-it`, `-e A=1`, `-eA=1`.
    private mutating func takeShort(_ word: String, _ rest: inout ArraySlice<String>) -> Bool {
        let flags: [Character: String] = ["d": "detach", "i": "interactive", "t": "tty"]
        let names: [Character: String] = ["e": "env", "m": "memory", "u": "user", "v": "volume", "w": "workdir"]
        let letters = word.dropFirst()
        if letters.count == 1, let letter = letters.first, let name = names[letter] {
            guard let value = Self.value(&rest) else { return false }
            return set(name, value)
        }
        for letter in letters {
            guard let name = flags[letter], setFlag(name) else { return false }
        }
        return true
    }

    /// A word that looks like an option is a value only behind `=`.
    private static func value(_ rest: inout ArraySlice<String>) -> String? {
        guard let value = rest.first, !value.hasPrefix("-") else { return nil }
        rest = rest.dropFirst()
        return value
    }

    private mutating func setFlag(_ name: String) -> Bool {
        switch name {
        case "detach": options.isDetached = true
        case "rm": options.isRemovedAtEnd = true
        case "interactive": options.isInteractive = true
        case "tty": options.hasTerminal = true
        case "read-only": options.isReadOnly = true
        case "userns": options.hasOwnUsers = true
        case "one-per-vm": options.isAlone = true
        case "warm-start": options.isWarmStart = true
        case "timings": options.showsTimings = true
        default: return false
        }
        return true
    }

    private mutating func set(_ name: String, _ value: String) -> Bool {
        switch name {
        case "root": root = value
        case "store": store = value
        case "function": options.function = value
        case "tenant": options.tenant = value
        case "name": options.name = value
        case "hostname": options.hostname = value
        case "env": options.environment.append(value)
        case "env-file": options.environmentFiles.append(value)
        case "workdir": options.workingDirectory = value
        case "user": options.user = value
        case "entrypoint": options.entryPoint = value
        case "cap-add": options.addedCapabilities.append(value)
        case "cap-drop": options.droppedCapabilities.append(value)
        case "volume": options.volumes.append(value)
        case "network": options.network = value
        case "fabric": options.fabric = value
        case "warm-start-env": options.varying.append(value)
        case "log-opt": options.logOptions.append(value)
        default: return setParsed(name, value)
        }
        return true
    }

    private mutating func setParsed(_ name: String, _ value: String) -> Bool {
        switch name {
        case "memory":
            options.memory = ByteSize(value)
            return options.memory != nil
        case "cpus":
            options.milliCPUs = CPUCount(argument: value)?.thousandths
            return options.milliCPUs != nil
        case "pids-limit":
            options.processesMax = Int64(value)
            return options.processesMax != nil
        case "log-level":
            logLevel = Logger.Level(rawValue: value)
            return logLevel != nil
        case "log-format":
            logFormat = LogFormat(rawValue: value)
            return logFormat != nil
        default: return false
        }
    }
}
