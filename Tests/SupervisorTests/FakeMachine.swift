import LinuxSystem
import Machine
import Memory
import TestSupport
import Virtio
import Zones

@testable import Supervisor

/// A machine without a processor: its devices are real, and its guest is the test.
final class FakeMachine: SupervisedMachine {
    var filledPlaces: [Int] = []
    let loop: EventLoop
    let vsock: VsockDevice
    let network: NetworkDevice?
    let zoneDevices: [MemoryDevice]
    /// Of the zones, in their order.
    let backings: [RecordingBacking]
    let baseSizeInBytes: UInt64 = 256 << 20
    let baseResidentBytes: UInt64 = 1 << 20
    /// The first end that was reported.
    private(set) var end: MachineEnd?
    /// How many images may come.
    var places = 3
    private(set) weak var faultObserver: (any GuestFaultObserver)?

    /// - Parameter zones: how many zones of 256 MiB it has.
    init(zones: Int) throws {
        loop = try EventLoop()
        vsock = VsockDevice(loop: loop)
        network = NetworkDevice(loop: loop)
        backings = (0..<zones).map { _ in RecordingBacking() }
        zoneDevices = try zip(
            ZoneLayout(count: zones, sizeInBytes: 256 << 20, base: GuestAddress(1 << 30)).zones, backings
        )
        .map { MemoryDevice(zone: $0, backing: $1) }
    }

    func residentBytes(ofZone index: Int) -> UInt64 { 0 }
    func noteBooted() {}
    func attachImage(_ file: OwnedDescriptor) throws -> AttachedImage? {
        guard places > 0 else { return nil }
        places -= 1
        let range = GuestRange(start: GuestAddress(1 << 39), sizeInBytes: try file.sizeInBytes())
        return range.map { AttachedImage(device: 9 - places, range: $0) }
    }
    func observeFaults(by observer: any GuestFaultObserver) { faultObserver = observer }
    func stop(_ reason: MachineEnd) { if end == nil { end = reason } }
}
