import AgentProtocol
import ControlProtocol
import LinuxSystem
import Virtio

/// Somebody who waits for an answer.
struct Waiter {
    weak var connection: ControlConnection?
    let request: UInt32

    func reply(_ reply: ControlReply) { connection?.reply(reply, to: request) }
    func refuse(_ reason: Refusal.Reason, code: Int32 = 0, _ text: String) {
        reply(.refused(Refusal(reason, code: code, text)))
    }
}

/// A container from its request to the return of its zone. Protected by the device lock.
final class Container {
    let id: String
    let number: ContainerNumber
    /// Where it lives; nil for a container without a zone.
    let zone: ZoneKeeper?
    let zoneSizeInBytes: UInt64
    var state = ContainerReport.State.starting
    var guestProcessID: UInt32 = 0
    /// When the guest last said that it was out of memory, host wall clock in nanoseconds.
    var outOfMemoryAt: UInt64?
    var isBeingRemoved = false
    /// Its program is executed on a request of its own.
    var awaitsStart = false
    /// Its first process is there, though it may not have executed its program.
    var isMade = false
    /// Set when its first process has ended.
    var exit: ExitRecord?
    /// Who asked for it, and gets its fate.
    let starter: Waiter
    let endsWithConnection: Bool
    /// Who waits for its end, and for its being gone.
    var endWaiters: [Waiter] = []
    var removalWaiters: [Waiter] = []
    /// Processes that were executed in it, by their number.
    var processes: [UInt32: Waiter] = [:]
    var nextProcess: UInt32 = 1
    /// What it sees of the host's files: ids of the file server's.
    var volumes: [String] = []
    /// The file that gets its exit record.
    let exitRecordFile: OwnedDescriptor?
    /// Copies of its output on their way to client and log.
    var taps: [OutputTap] = []
    /// Its interfaces' ports, until its end, and the device that they belong to.
    var ports: [NetworkPort] = []
    weak var network: NetworkDevice?
    let requestedAt = MonotonicClock.nanoseconds
    var pluggedAt: UInt64 = 0

    init(
        id: String, number: ContainerNumber, zone: ZoneKeeper?, zoneSizeInBytes: UInt64, starter: Waiter,
        endsWithConnection: Bool, exitRecordFile: OwnedDescriptor?
    ) {
        self.id = id
        self.number = number
        self.zone = zone
        self.zoneSizeInBytes = zoneSizeInBytes
        self.starter = starter
        self.endsWithConnection = endsWithConnection
        self.exitRecordFile = exitRecordFile
    }

    /// Notes how it ended, once, and tells everybody who wants to know.
    func end(_ record: ExitRecord) {
        guard exit == nil else { return }
        exit = record
        state = .ending
        // Before anybody hears of the end: then its pod's network is free for the next one.
        closePorts()
        writeExitRecord(record)
        for waiter in [starter] + endWaiters { waiter.reply(.exited(record)) }
        endWaiters = []
        for (number, waiter) in processes {
            var own = record
            own.process = number
            waiter.reply(.exited(own))
        }
        processes = [:]
    }

    /// Notes the end of a container that never began: whoever asked for it has been told why.
    func endQuietly(_ record: ExitRecord) {
        guard exit == nil else { return }
        exit = record
        state = .ending
        // Before anybody hears of the end: then its pod's network is free for the next one.
        closePorts()
        writeExitRecord(record)
        for waiter in endWaiters { waiter.reply(.exited(record)) }
        endWaiters = []
    }

    private func writeExitRecord(_ record: ExitRecord) {
        guard let file = exitRecordFile else { return }
        var encoder = MessageEncoder()
        record.encode(into: &encoder)
        try? file.write(all: encoder.bytes)
    }
}
