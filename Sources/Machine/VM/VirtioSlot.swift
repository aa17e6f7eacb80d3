import Hypervisor
import LinuxSystem
import Memory
import Virtio

/// A virtio device in its place in the machine: its register window, interrupt line and notification events.
final class VirtioSlot: NotificationRepeater {
    let index: Int
    let transport: MMIOTransport
    /// One for each queue: an ioeventfd that the event loop waits for.
    private let notifications: [EventDescriptor]

    /// Wires a device up. Called before the machine runs.
    init(
        _ device: any VirtioDevice, index: Int, memory: GuestMemory, machine: VirtualMachine, bus: AddressSpaceBus,
        loop: EventLoop
    ) throws {
        self.index = index
        let line = InterruptInput(InterruptMap.line(ofVirtioDevice: index), of: machine)
        transport = MMIOTransport(device, memory: memory, interrupt: line)
        let window = MachineLayout.window(ofVirtioDevice: index)
        try bus.insert(transport, at: window.start.rawValue, sizeInBytes: window.sizeInBytes)
        let notifyAddress = GuestAddress(window.start.rawValue + MMIOTransport.notifyOffset)
        var events: [EventDescriptor] = []
        for queue in 0..<transport.queueCount {
            let event = try EventDescriptor()
            try machine.connectNotification(event, toWriteOf: UInt32(queue), at: notifyAddress)
            try loop.add(event.descriptor, for: .readable) { [transport] _ in
                event.drain()
                transport.handleNotification(queue: queue)
            }
            events.append(event)
        }
        notifications = events
        transport.repeater = self
    }

    func repeatNotification(queue: Int) {
        guard notifications.indices.contains(queue) else { return }
        notifications[queue].signal()
    }
}
