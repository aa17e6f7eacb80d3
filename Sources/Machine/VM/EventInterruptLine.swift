import LinuxSystem
import Virtio

/// An interrupt line that is an irqfd: raising it makes KVM inject an edge.
final class EventInterruptLine: InterruptLine {
    let event: EventDescriptor

    init() throws(SystemError) { event = try EventDescriptor() }

    func raise() { event.signal() }
}
