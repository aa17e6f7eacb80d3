import LinuxSystem

/// A container's log in the form that CRI defines (kubernetes CRI logging): `TIME STREAM TAG LINE`, the tag `F` for a
/// whole line, `P` for a part of one.
///
/// Written by the disk's threads; the caller asks for room before it appends. Protected by the device lock.
final class ContainerLog {
    enum Stream: String {
        case output = "stdout"
        case error = "stderr"
    }

    /// A longer line is written in parts.
    private static let maxLineBytes = 16 << 10

    private let queue: FileQueue
    private var unfinished: [Stream: [UInt8]] = [:]

    /// - Parameters:
    ///   - files: one or more, written in turn: a container cannot fill the host's disk.
    ///   - maxFileBytes: what each of them takes.
    init(_ files: [OwnedDescriptor], maxFileBytes: Int, _ disk: DiskWork) {
        queue = FileQueue(files, disk, maxFileBytes: maxFileBytes)
    }

    /// False while the disk lags behind: the container's output is held back until it does not.
    var hasRoom: Bool { queue.hasRoom }

    /// Calls `action` once, when there is room.
    func whenRoom(_ action: @escaping () -> Void) { queue.whenRoom(action) }

    /// Calls `action` once, when all is written that has been appended by then.
    func whenWritten(_ action: @escaping () -> Void) { queue.whenWritten(action) }

    func append(_ bytes: [UInt8], _ stream: Stream) {
        var line = unfinished.removeValue(forKey: stream) ?? []
        var entries: [UInt8] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                entries += entry(line, stream, isWhole: true)
                line = []
            } else {
                line.append(byte)
                if line.count == Self.maxLineBytes {
                    entries += entry(line, stream, isWhole: false)
                    line = []
                }
            }
        }
        if !line.isEmpty { unfinished[stream] = line }
        queue.append(entries)
    }

    /// The stream has ended: what is left is a line without an end.
    func finish(_ stream: Stream) {
        guard let line = unfinished.removeValue(forKey: stream) else { return }
        queue.append(entry(line, stream, isWhole: false))
    }

    private func entry(_ line: [UInt8], _ stream: Stream, isWhole: Bool) -> [UInt8] {
        Array("\(Timestamp.now) \(stream.rawValue) \(isWhole ? "F" : "P") ".utf8) + line
            + [UInt8(ascii: "\n")]
    }
}
