import AgentProtocol
import ControlProtocol
import LinuxSystem
import Zones

/// A container of this VM, as the host knows it: from its request to the return of its zone. Protected by the device
/// lock.
final class HostedContainer {
    let id: String
    let number: ContainerNumber
    /// Where it lives; nil for a container without a zone.
    let zone: PluggableZone?
    /// What its zone has at first.
    let zoneSizeInBytes: UInt64
    /// How its zone grows and shrinks with what it uses; nil: it does not.
    var elasticity: Elasticity?
    /// Its program is executed as soon as it is made, not on a request of its own.
    let startsAtOnce: Bool
    /// It ends when its caller's connection does.
    let endsWithConnection: Bool
    /// Asked for it, and gets its fate.
    let caller: ControlCaller
    let requestedAt = MonotonicClock.nanoseconds
    /// When its zone was plugged; 0: not yet, or it has none.
    var pluggedAt: UInt64 = 0
    private(set) var life = ContainerLife()
    /// When the agent was asked for it: the VM was ready then. 0: not yet.
    var askedAgentAt: UInt64 = 0
    /// How often the guest has said that it is at its limit of memory.
    var outOfMemoryCount: UInt64 = 0
    /// The first process's id in the guest; 0: not there yet.
    var guestProcessID: UInt32 = 0
    /// Wait for the return of its zone.
    var removalCallers: [ControlCaller] = []
    var processes = ExecutedProcesses()
    /// What it sees of the host's files: ids of the file server's.
    var volumes: [String] = []
    /// What its root consists of besides the VM's own image.
    var images: [FurtherImage] = []
    var ports = NetworkPorts()
    /// That it may be a copy of a process template, and whether it is; nil: its program is executed.
    var warmth: WarmContainer?
    let output = ContainerOutput()
    let relays = WaitingRelays()
    private let exitRecordFile: ExitRecordFile?

    init(
        id: String, number: ContainerNumber, zone: PluggableZone?, zoneSizeInBytes: UInt64, startsAtOnce: Bool,
        endsWithConnection: Bool, caller: ControlCaller, exitRecordFile: ExitRecordFile?
    ) {
        self.id = id
        self.number = number
        self.zone = zone
        self.zoneSizeInBytes = zoneSizeInBytes
        self.startsAtOnce = startsAtOnce
        self.endsWithConnection = endsWithConnection
        self.caller = caller
        self.exitRecordFile = exitRecordFile
    }

    var exit: ExitRecord? { life.exit }

    /// From its request until its zone was plugged, in microseconds.
    var plugMicroseconds: UInt64 { (max(pluggedAt, requestedAt) - requestedAt) / 1000 }

    /// Takes a step; false where its state does not allow it: what the agent answers late, of a container that has ended
    /// meanwhile, changes nothing.
    @discardableResult
    func step(_ change: (inout ContainerLife) throws(ContainerStateError) -> Void) -> Bool {
        do throws(ContainerStateError) { try change(&life) } catch { return false }
        return true
    }

    /// How it ended, or a process of it.
    func record(
        code: UInt8, process: UInt32 = 0, outOfMemory: Bool = false, reason: String = ""
    ) -> ExitRecord {
        ExitRecord(
            container: id, process: process, code: code, outOfMemory: outOfMemory, time: WallClock.nanoseconds,
            reason: reason)
    }

    /// Why it was killed, where that was not for its own limit or its zone's, of which clients know more.
    func outOfMemoryReason(isForBaseMemory: Bool) -> String {
        if isForBaseMemory {
            return "its sockets, pipes and the like needed more than its share of the VM's base memory"
        }
        return elasticity?.denial ?? ""
    }

    /// Ends it, once, and answers all who wait for that as soon as its record is on the disk; false where it has ended
    /// before.
    ///
    /// - Parameter repliesToCaller: the one who asked for it has had no other answer.
    func end(_ record: ExitRecord, repliesToCaller: Bool = true) -> Bool {
        guard step({ life throws(ContainerStateError) in try life.end(record) }) else { return false }
        // Before anybody learns of the end: then its pod's network is free for the next one.
        ports.close()
        relays.close()
        let announce = { [self] in
            if repliesToCaller { caller.reply(.exited(record)) }
            processes.endAll(record)
        }
        if let exitRecordFile { exitRecordFile.write(record, announce: announce) } else { announce() }
        return true
    }

    /// It is gone, with its zone's memory.
    func remove() {
        step { life throws(ContainerStateError) in try life.remove() }
        for waiting in removalCallers { waiting.reply(.done) }
        removalCallers = []
    }
}
