import Glibc
import SystemPackage
import LinuxSystem

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

    private let file: OwnedDescriptor
    private var offset: UInt64 = 0
    private var unfinished: [UInt8] = []

    /// Nil where the container has no log.
    public init?(_ container: ContainerFolder) throws(RuntimeError) {
        do { file = try OwnedDescriptor(opening: container.logPath, flags: O_RDONLY) } catch {
            if error.errno == .noSuchFileOrDirectory { return nil }
            throw .system(error)
        }
    }

    init(_ file: OwnedDescriptor) { self.file = file }

    /// What has been written since the last time.
    public mutating func next(atMost most: Int = 1 << 20) throws(RuntimeError) -> [Entry] {
        let (file, start) = (file, offset)
        let (size, bytes) = try system { () throws(SystemError) in
            let size = try file.sizeInBytes()
            // A log that is full begins anew.
            let from = size < start ? 0 : start
            return (size, try file.read(exactly: Int(min(size - from, UInt64(most))), at: from))
        }
        if size < offset {
            offset = 0
            unfinished = []
        }
        offset += UInt64(bytes.count)
        var lines = (unfinished + bytes).split(separator: 0x0A, omittingEmptySubsequences: false)
        unfinished = Array(lines.popLast() ?? [])
        return lines.compactMap(Self.entry)
    }

    /// Nil for a line that is none.
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
