import AgentProtocol
import ControlProtocol
import Memory
import Virtio
import Zones

/// All zones of this VM. Protected by the device lock.
final class ZoneSet {
    /// In the zones' order.
    let all: [PluggableZone]

    private let memoryLimit: MemoryLimit?

    /// - Parameter memoryLimit: follows the zones' sizes; nil: there is none.
    init(_ devices: [MemoryDevice], _ deadlines: Deadlines, _ journal: EventJournal, _ memoryLimit: MemoryLimit? = nil)
    {
        all = devices.map { PluggableZone($0, deadlines, journal) }
        self.memoryLimit = memoryLimit
        for device in devices { device.observer = self }
        for zone in all { zone.onSizeChange = { [unowned self] in followSizes() } }
    }

    private func followSizes() {
        memoryLimit?.follow(
            zoneBytes: all.reduce(0) { $0 + max($1.life.requestedSizeInBytes, $1.life.pluggedSizeInBytes) })
    }

    /// The zone for so many bytes; nil for none.
    ///
    /// - Throws: `invalid` where no zone is large enough, `full` where none is free.
    func findFree(_ sizeInBytes: UInt64) throws(Refusal) -> PluggableZone? {
        guard sizeInBytes > 0 else { return nil }
        do throws(PlugPlanError) {
            return all[try PlugPlan(forBytes: sizeInBytes, in: all.map(\.life)).zone.index]
        } catch {
            if case .tooLarge = error { throw Refusal(.invalid, "\(error)") }
            throw Refusal(.full, "\(error)")
        }
    }

    /// The agent says how much of a zone is online.
    func noteOnline(_ event: ZoneChanged) {
        all.first { $0.zone.node == event.node }?.noteOnline(event.onlineBytes)
    }

    /// How long the zones' last comings and goings took, node 1 first.
    var times: [ZoneTimes] { all.map(\.times) }
}

extension ZoneSet: ZoneMemoryObserver {
    func zone(_ zone: Zone, pluggedSizeIs sizeInBytes: UInt64) { all[zone.index].recordPlugged(sizeInBytes) }

    func zone(_ zone: Zone, failed error: any Error) { all[zone.index].quarantine(.hostFailure) }
}
