public import LinuxSystem
import Synchronization

/// Bytes on their way to a file, written in order by the disk's threads: one piece at a time, while the next one gathers.
///
/// The caller asks for room before it appends, and holds back or drops what there is no room for: a file whose disk is
/// stalled costs so much memory and no more. What a full disk does not take is lost. Protected by the device lock.
public final class FileQueue {
    /// The most bytes that gather while a piece is being written; a last one may be greater by what is appended at once.
    public static let maxQueuedBytes = 256 << 10

    /// The files, for the threads: one piece of work at a time has them.
    private final class Files: Sendable {
        private struct Place {
            /// Which file is written, and what of it is.
            var current = 0
            var written = 0
        }

        private let files: [OwnedDescriptor]
        private let maxBytes: Int
        private let place = Mutex(Place())

        init(_ files: [OwnedDescriptor], maxBytes: Int) {
            self.files = files
            self.maxBytes = maxBytes
        }

        func write(_ bytes: [UInt8]) {
            place.withLock { place in
                if place.written > 0, place.written + bytes.count > maxBytes {
                    let next = (place.current + 1) % files.count
                    guard (try? files[next].truncate()) != nil else { return }
                    place = Place(current: next)
                }
                place.written += bytes.count
                // A full disk is no reason to stop what prints.
                try? files[place.current].write(all: bytes)
            }
        }
    }

    private let files: Files
    private let disk: DiskWork
    private var queued: [UInt8] = []
    private var isWriting = false
    private var onRoom: [() -> Void] = []
    /// What waits until so many bytes are written.
    private var onWritten: [(count: Int, action: () -> Void)] = []
    private var appendedCount = 0
    private var writtenCount = 0

    /// - Parameters:
    ///   - files: one or more; the bytes go to the end of the first one, and of the others in turn.
    ///   - disk: does the writing.
    ///   - maxFileBytes: a file that would be longer is followed by the next one, which is emptied before: what prints cannot
    ///     fill the host's disk.
    public init(_ files: [OwnedDescriptor], _ disk: DiskWork, maxFileBytes: Int) {
        self.files = Files(files, maxBytes: maxFileBytes)
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
        disk.perform { [files] in
            files.write(piece)
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
