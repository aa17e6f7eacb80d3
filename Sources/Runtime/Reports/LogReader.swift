public import LinuxSystem

/// Reads a container's log, which has CRI's form: lines of `TIME STREAM TAG TEXT`, the tag `F` for a whole line of the
/// container's, `P` for a part of one.
public struct LogReader {
    public struct Entry: Equatable, Sendable {
        /// RFC 3339.
        public var time: String
        public var isError: Bool
        /// With its line's end, if it has that.
        public var text: [UInt8]
    }

    /// Written in turn: each begins with the time at which it was begun, which gives their order.
    private let files: [OwnedDescriptor]
    /// The file that is being read, and the time at its beginning; nil: the next one is to be found.
    private var current: (file: Int, start: [UInt8])?
    /// That of the last one.
    private var lastStart: [UInt8] = []
    private var offset: UInt64 = 0
    private var unfinished: [UInt8] = []

    /// More than a time takes, in bytes.
    private static let maxStartBytes = 64

    /// Nil where the container has no log.
    public init?(_ container: ContainerDirectory) throws(RuntimeError) {
        guard let directory = try container.record()?.logDirectory else { return nil }
        self.init(try system { () throws(SystemError) in try ContainerLogs.files(in: directory) })
    }

    init(_ files: [OwnedDescriptor]) { self.files = files }

    /// Becomes readable when a container prints, or ends; nil where it has no log.
    public static func watch(_ container: ContainerDirectory) throws(RuntimeError) -> FileWatch? {
        guard let directory = try container.record()?.logDirectory else { return nil }
        return try system { () throws(SystemError) in try FileWatch(directories: [container.path, directory]) }
    }

    /// What has been written since the last time.
    public mutating func next(atMost most: Int = 1 << 20) throws(RuntimeError) -> [Entry] {
        while true {
            // One that was emptied meanwhile for what comes is another.
            if let (file, start) = current, try self.start(of: file) != start { leave(start) }
            if current == nil { current = try nextFile() }
            guard let (file, start) = current else { return [] }
            let (descriptor, place) = (files[file], offset)
            let bytes = try system { () throws(SystemError) in try descriptor.read(upTo: most, at: place) }
            guard bytes.isEmpty else { return entries(bytes) }
            guard try followed(start) else { return [] }
            leave(start)
        }
    }

    private mutating func leave(_ start: [UInt8]) {
        (current, lastStart, offset, unfinished) = (nil, start, 0, [])
    }

    private mutating func entries(_ bytes: [UInt8]) -> [Entry] {
        offset += UInt64(bytes.count)
        var lines = (unfinished + bytes).split(separator: 0x0A, omittingEmptySubsequences: false)
        unfinished = Array(lines.popLast() ?? [])
        return lines.compactMap(Self.entry)
    }

    /// The time at a file's beginning; nil where nothing is there yet.
    private func start(of file: Int) throws(RuntimeError) -> [UInt8]? {
        let descriptor = files[file]
        let bytes = try system { () throws(SystemError) in try descriptor.read(upTo: Self.maxStartBytes, at: 0) }
        return bytes.firstIndex(of: 0x20).map { Array(bytes[..<$0]) }
    }

    /// The oldest of those that are younger than the last one.
    private func nextFile() throws(RuntimeError) -> (file: Int, start: [UInt8])? {
        var found: (file: Int, start: [UInt8])?
        for file in files.indices {
            guard let start = try start(of: file), lastStart.lexicographicallyPrecedes(start) else { continue }
            if found.map({ start.lexicographicallyPrecedes($0.start) }) ?? true { found = (file, start) }
        }
        return found
    }

    /// Whether there is a younger one: then nothing more comes into this.
    private func followed(_ start: [UInt8]) throws(RuntimeError) -> Bool {
        for file in files.indices {
            if let other = try self.start(of: file), start.lexicographicallyPrecedes(other) { return true }
        }
        return false
    }

    /// Nil for a line that is malformed.
    static func entry(_ line: ArraySlice<UInt8>) -> Entry? {
        let parts = line.split(separator: 0x20, maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        let isWhole = parts[2].elementsEqual("F".utf8)
        guard isWhole || parts[2].elementsEqual("P".utf8) else { return nil }
        return Entry(
            time: String(decoding: parts[0], as: UTF8.self), isError: parts[1].elementsEqual("stderr".utf8),
            text: Array(parts[3]) + (isWhole ? [0x0A] : []))
    }
}
