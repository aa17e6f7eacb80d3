import LinuxSystem
public import Logging
import Synchronization

/// The process's log: its messages on standard error, through swift-log.
///
/// A short-lived command that logs nothing pays for a level and a format in a lock, and for nothing else: the logger
/// is made with the first line. Any thread may use it.
public enum Log {
    /// What a user or operator chooses.
    public struct Choices: Equatable, Sendable {
        /// Messages of a lesser level are not logged.
        public var level: Logger.Level
        public var format: LogFormat

        public init(level: Logger.Level = .warning, format: LogFormat = .text) {
            self.level = level
            self.format = format
        }
    }

    /// Environment variables: for users the first two, in place of options; the third from czone to the VMs it starts.
    public static let formatVariable = "CZONE_LOG_FORMAT"
    public static let levelVariable = "CZONE_LOG_LEVEL"
    public static let metadataVariable = "CZONE_LOG_METADATA"

    private struct State {
        var program = "czone"
        var choices = Choices()
        var showsTime = false
        var metadata: Logger.Metadata = [:]
        var write: @Sendable ([UInt8]) -> Void = { line in try? StandardStream.error.descriptor.write(all: line) }
        var logger: Logger?
    }

    private static let state = Mutex(State())

    /// Names the process, once, before it logs anything.
    ///
    /// - Parameters:
    ///   - program: the executable's name.
    ///   - showsTime: whether lines for people have the time.
    ///   - metadata: what every line says, such as the VM.
    ///   - write: takes a line; by default it goes to standard error.
    public static func begin(
        program: String, showsTime: Bool = true, metadata: Logger.Metadata = [:],
        write: (@Sendable ([UInt8]) -> Void)? = nil
    ) {
        state.withLock { state in
            state.program = program
            state.showsTime = showsTime
            state.metadata = metadata
            if let write { state.write = write }
            state.logger = nil
        }
    }

    public static var choices: Choices {
        get { state.withLock { $0.choices } }
        set {
            state.withLock { state in
                state.choices = newValue
                state.logger = nil
            }
        }
    }

    /// Takes up what the command line says, else what the environment says. A value in the environment that
    /// means nothing is logged, and changes nothing.
    public static func choose(level: Logger.Level?, format: LogFormat?) {
        let words = (CurrentProcess.environment(levelVariable), CurrentProcess.environment(formatVariable))
        let usual = choices
        choices = Choices(
            level: level ?? words.0.flatMap { Logger.Level(rawValue: $0) } ?? usual.level,
            format: format ?? words.1.flatMap { LogFormat(rawValue: $0) } ?? usual.format)
        if let word = words.0, Logger.Level(rawValue: word) == nil {
            refuse(word, levelVariable, Logger.Level.allCases.map(\.rawValue))
        }
        if let word = words.1, LogFormat(rawValue: word) == nil {
            refuse(word, formatVariable, LogFormat.allCases.map(\.rawValue))
        }
    }

    private static func refuse(_ word: String, _ variable: String, _ expected: [String]) {
        logger.warning("\(variable) is \"\(word)\", expected one of \(expected.joined(separator: ", "))")
    }

    /// What makes another process of czone log as this one does: level and format, where they were chosen for this one.
    public static var environment: [String] {
        let choices = choices
        var words = ["\(formatVariable)=\(choices.format.rawValue)"]
        if choices.level != Choices().level { words.append("\(levelVariable)=\(choices.level.rawValue)") }
        return words
    }

    /// The metadata of each line, from a list such as `vm=3f,function=f`; another form gives none.
    public static var metadataOfEnvironment: Logger.Metadata {
        var metadata: Logger.Metadata = [:]
        for entry in (CurrentProcess.environment(metadataVariable) ?? "").split(separator: ",").prefix(8) {
            let parts = entry.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { metadata[String(parts[0])] = .string(String(parts[1])) }
        }
        return metadata
    }

    /// A logger as it was chosen.
    public static var logger: Logger {
        state.withLock { state in
            if let logger = state.logger { return logger }
            let handler = LineLogHandler(
                program: state.program, level: state.choices.level, format: state.choices.format,
                showsTime: state.showsTime, metadata: state.metadata, write: state.write)
            let logger = Logger(label: state.program) { _ in handler }
            state.logger = logger
            return logger
        }
    }
}
