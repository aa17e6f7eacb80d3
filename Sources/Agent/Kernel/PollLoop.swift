/// Waits for descriptors and deadlines and calls what belongs to each, all on the agent's one thread.
final class PollLoop {
    typealias Handler = (_ ready: UInt32) -> Void
    /// A deadline that has been set.
    struct Deadline {
        fileprivate let number: UInt64
    }

    private let poll: Descriptor
    /// By descriptor.
    private var handlers: [Handler?] = []
    private var deadlines: [(number: UInt64, time: UInt64, action: () -> Void)] = []
    private var lastDeadline: UInt64 = 0

    init() throws(Failure) {
        poll = Descriptor(taking: try check(Kernel.makePoll(), .request, "make an epoll instance"))
    }

    /// Calls the handler whenever the descriptor is ready for one of these, or broken. A descriptor is
    /// forgotten by its watcher before it is closed.
    func watch(_ descriptor: Int32, for ready: UInt32, _ handler: @escaping Handler) {
        guard descriptor >= 0, Kernel.addToPoll(poll.rawValue, descriptor, ready) >= 0 else { return }
        while handlers.count <= Int(descriptor) { handlers.append(nil) }
        handlers[Int(descriptor)] = handler
    }

    func change(_ descriptor: Int32, to ready: UInt32) {
        _ = Kernel.changeInPoll(poll.rawValue, descriptor, ready)
    }

    func forget(_ descriptor: Int32) {
        guard handlers.indices.contains(Int(descriptor)), handlers[Int(descriptor)] != nil else { return }
        handlers[Int(descriptor)] = nil
        Kernel.removeFromPoll(poll.rawValue, descriptor)
    }

    /// Calls the action once, this many milliseconds from now.
    func after(milliseconds: UInt32, _ action: @escaping () -> Void) -> Deadline {
        lastDeadline += 1
        let time = Kernel.monotonicTime + UInt64(milliseconds) * 1_000_000
        deadlines.append((lastDeadline, time, action))
        return Deadline(number: lastDeadline)
    }

    func cancel(_ deadline: Deadline) { deadlines.removeAll { $0.number == deadline.number } }

    func run() -> Never {
        var events: [Kernel.Event] = []
        while true {
            events.removeAll(keepingCapacity: true)
            Kernel.waitForEvents(poll.rawValue, milliseconds: untilNextDeadline, into: &events)
            for event in events where handlers.indices.contains(Int(event.descriptor)) {
                // An event may be older than the descriptor's owner; handlers find out for themselves what is ready.
                handlers[Int(event.descriptor)]?(event.ready)
            }
            callDue()
        }
    }

    private var untilNextDeadline: Int32 {
        guard var earliest = deadlines.first?.time else { return -1 }
        for deadline in deadlines where deadline.time < earliest { earliest = deadline.time }
        let now = Kernel.monotonicTime
        // Rounded up, or the loop would spin through the last millisecond.
        return earliest <= now ? 0 : Int32(min((earliest - now + 999_999) / 1_000_000, 60_000))
    }

    private func callDue() {
        guard !deadlines.isEmpty else { return }
        let now = Kernel.monotonicTime
        while let index = deadlines.firstIndex(where: { $0.time <= now }) {
            deadlines.remove(at: index).action()
        }
    }
}
