import LinuxSystem
import Machine
import Memory
import Virtio

/// What the supervisor needs of the machine that it runs containers in. All of it is protected by the device lock.
protocol SupervisedMachine: AnyObject {
    var loop: EventLoop { get }
    var vsock: VsockDevice { get }
    /// Nil for a machine without.
    var network: NetworkDevice? { get }
    /// One for each zone, in their order.
    var zoneDevices: [MemoryDevice] { get }
    /// The devices, by index, that have images where the template that the machine is restored from has places for them.
    var filledPlaces: [Int] { get }
    var baseSizeInBytes: UInt64 { get }
    /// Host memory that base memory, and a zone, occupy now, in bytes.
    var baseResidentBytes: UInt64 { get }
    func residentBytes(ofZone index: Int) -> UInt64
    /// Has every device report what the guest does against the rules. Before the machine runs.
    func observeFaults(by observer: any GuestFaultObserver)
    /// Maps an image into the guest, for good; nil where there is no place for it.
    func attachImage(_ file: OwnedDescriptor) throws -> AttachedImage?
    /// The guest has booted.
    func noteBooted()
    /// Ends the machine; the first reason stays.
    func stop(_ reason: MachineEnd)
}

extension Machine: SupervisedMachine {
    var baseSizeInBytes: UInt64 { layout.baseRanges.reduce(0) { $0 + $1.sizeInBytes } }
}
