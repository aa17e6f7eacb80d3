import LinuxSystem
import Machine
import Memory
import TestSupport
import Virtio
import Zones

@testable import Supervisor

/// A machine without a processor: its devices are real, and its guest is the test.
final class FakeMachine: SupervisedMachine {
    let loop: EventLoop
    let vsock: VsockDevice
    let network: NetworkDevice?
    let zoneDevices: [MemoryDevice]
    let imageRanges: [GuestRange] = []
    let baseSizeInBytes: UInt64 = 256 << 20
    let baseResidentBytes: UInt64 = 1 << 20
    /// The first end that was reported.
    private(set) var end: MachineEnd?
    private(set) weak var faultObserver: (any GuestFaultObserver)?

    /// - Parameter zones: how many zones of 256 MiB it has.
    init(zones: Int) throws {
        loop = try EventLoop()
        vsock = VsockDevice(loop: loop)
        network = NetworkDevice(loop: loop)
        zoneDevices = try ZoneLayout(count: zones, sizeInBytes: 256 << 20, base: GuestAddress(1 << 30)).zones.map {
            MemoryDevice(zone: $0, backing: RecordingBacking())
        }
    }

    func residentBytes(ofZone index: Int) -> UInt64 { 0 }
    func noteBooted() {}
    func observeFaults(by observer: any GuestFaultObserver) { faultObserver = observer }
    func stop(_ reason: MachineEnd) { if end == nil { end = reason } }
}
