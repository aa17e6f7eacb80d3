public import Logging

/// swift-log's back end of every executable: each event becomes one line, written at once by one call of `write`.
///
/// A value; loggers share only `write`, which any thread may call.
public struct LineLogHandler: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata
    public var metadataProvider: Logger.MetadataProvider?
    private let program: String
    private let format: LogFormat
    private let showsTime: Bool
    private let write: @Sendable ([UInt8]) -> Void

    /// - Parameters:
    ///   - program: what each line begins with.
    ///   - level: messages below it are not logged.
    ///   - format: text, or JSON.
    ///   - showsTime: whether text has the time, as where a process lives long; JSON always has it.
    ///   - metadata: what each line has.
    ///   - write: takes one whole line with its end, at most 4096 bytes as text.
    public init(
        program: String, level: Logger.Level, format: LogFormat, showsTime: Bool = false,
        metadata: Logger.Metadata = [:], write: @escaping @Sendable ([UInt8]) -> Void
    ) {
        self.program = program
        self.logLevel = level
        self.format = format
        self.showsTime = showsTime
        self.metadata = metadata
        self.write = write
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let known = metadataProvider.map { metadata.merging($0.get()) { $1 } } ?? metadata
        let line = LogLine(event, program: program, metadata: known)
        write(format == .json ? line.json : line.text(withTime: showsTime))
    }
}
