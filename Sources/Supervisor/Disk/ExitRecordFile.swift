import AgentProtocol
import ControlProtocol
import LinuxSystem

/// The files that get containers' exit records: for a container without a client they are the only account of how it ended.
///
/// A record that cannot be written is tried again every second until the VM ends, and then once more. Protected by the
/// device lock.
final class ExitRecords {
    private let disk: DiskWork
    private let deadlines: Deadlines
    private var unwritten: [() -> Void] = []

    init(_ disk: DiskWork, _ deadlines: Deadlines) {
        self.disk = disk
        self.deadlines = deadlines
    }

    /// A container's file. The record's room on the disk is reserved, so that a disk that is full at the container's end
    /// has room for it.
    func open(_ file: OwnedDescriptor) -> ExitRecordFile {
        // A file system that reserves nothing is no reason to refuse a container.
        disk.perform {
            try? file.reserve(ExitRecordFile.maxBytes)
        } then: { _ in
        }
        return ExitRecordFile(file, disk, deadlines, self)
    }

    func retryLater(_ write: @escaping () -> Void) {
        if unwritten.isEmpty { deadlines.after(seconds: 1) { [unowned self] in retry() } }
        unwritten.append(write)
    }

    /// Tries all again that could not be written.
    func retry() {
        let writes = unwritten
        unwritten = []
        for write in writes { write() }
    }
}

/// One container's. Protected by the device lock.
final class ExitRecordFile {
    /// How long clients may have to wait for an end because of the disk, in seconds.
    private static let maxAnnouncementDelay: UInt64 = 2
    /// The most bytes of a record.
    static let maxBytes = ControlLimits.text + ControlLimits.name + 64

    private let file: OwnedDescriptor
    private let disk: DiskWork
    private let deadlines: Deadlines
    private let records: ExitRecords

    fileprivate init(_ file: OwnedDescriptor, _ disk: DiskWork, _ deadlines: Deadlines, _ records: ExitRecords) {
        self.file = file
        self.disk = disk
        self.deadlines = deadlines
        self.records = records
    }

    /// Writes the record; `announce` is called once, when it is written, or the disk has had its time. So a client that
    /// learns of the end finds the record.
    func write(_ record: ExitRecord, announce: @escaping () -> Void) {
        var encoder = MessageEncoder()
        record.encode(into: &encoder)
        var isAnnounced = false
        let announceOnce = {
            guard !isAnnounced else { return }
            isAnnounced = true
            announce()
        }
        let token = deadlines.after(seconds: Self.maxAnnouncementDelay, action: announceOnce)
        write(encoder.bytes) { [deadlines] in
            deadlines.cancel(token)
            announceOnce()
        }
    }

    private func write(_ bytes: [UInt8], then completion: @escaping () -> Void) {
        // From the beginning each time: what a try before has written is written over.
        disk.perform { [file] in
            (try? file.write(all: bytes, at: 0)) != nil
        } then: { [self] isWritten in
            if !isWritten { records.retryLater { [self] in write(bytes) {} } }
            completion()
        }
    }
}
