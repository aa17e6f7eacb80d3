public import LinuxSystem
import Synchronization

/// Bytes on their way to a file, written in order by the disk's threads: one piece at a time, while the next one gathers.
///
/// Who appends asks for room before, and holds back or drops what there is no room for: a file whose disk is stalled costs
/// so much memory and no more. What a full disk does not take is lost. Protected by the device lock.
public final class FileQueue {
    /// The most bytes that gather while a piece is being written; a last one may be greater by what is appended at once.
    public static let maxQueuedBytes = 256 << 10

    /// The file, for the threads: one piece of work at a time has it.
    private final class File: Sendable {
        private let file: OwnedDescriptor
        private let maxBytes: Int
        private let written = Mutex(0)

        init(_ file: OwnedDescriptor, maxBytes: Int) {
            self.file = file
            self.maxBytes = maxBytes
        }

        func write(_ bytes: [UInt8]) {
            written.withLock { written in
                if written + bytes.count > maxBytes {
                    guard (try? file.truncate()) != nil else { return }
                    written = 0
                }
                written += bytes.count
                // A full disk is no reason to stop what prints.
                try? file.write(all: bytes)
            }
        }
    }

    private let file: File
    private let disk: DiskWork
    private var queued: [UInt8] = []
    private var isWriting = false
    private var onRoom: [() -> Void] = []
    /// What waits until so many bytes are written.
    private var onWritten: [(count: Int, action: () -> Void)] = []
    private var appendedCount = 0
    private var writtenCount = 0

    /// - Parameters:
    ///   - file: the bytes go to its end.
    ///   - disk: does the writing.
    ///   - maxFileBytes: a file that would be longer starts again: what prints cannot fill the host's disk.
    public init(_ file: OwnedDescriptor, _ disk: DiskWork, maxFileBytes: Int) {
        self.file = File(file, maxBytes: maxFileBytes)
        self.disk = disk
    }

    public var hasRoom: Bool { queued.count < Self.maxQueuedBytes }

    /// Takes all of the bytes.
    public func append(_ bytes: [UInt8]) {
        queued += bytes
        appendedCount += bytes.count
        writeQueued()
    }

    /// Calls `action` once, when there is room: at once where there is.
    public func whenRoom(_ action: @escaping () -> Void) {
        if hasRoom { action() } else { onRoom.append(action) }
    }

    /// Calls `action` once, when all is written that has been appended by then: at once where it is.
    public func whenWritten(_ action: @escaping () -> Void) {
        if writtenCount < appendedCount { onWritten.append((appendedCount, action)) } else { action() }
    }

    private func writeQueued() {
        guard !isWriting, !queued.isEmpty else { return }
        isWriting = true
        let piece = queued
        queued = []
        disk.perform { [file] in
            file.write(piece)
        } then: { [self] in
            isWriting = false
            writtenCount += piece.count
            writeQueued()
            callWaiting()
        }
    }

    private func callWaiting() {
        let done = onWritten.filter { $0.count <= writtenCount }.map(\.action)
        onWritten.removeAll { $0.count <= writtenCount }
        let room = hasRoom ? onRoom : []
        if hasRoom { onRoom = [] }
        for action in room + done { action() }
    }
}
