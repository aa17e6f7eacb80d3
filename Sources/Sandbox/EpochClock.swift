import LinuxSystem
import Synchronization

/// Ticks at most once a millisecond while calls run, for each millisecond of the process's time. While none does, its thread sleeps.
final class EpochClock: Sendable {
    private let tick: @Sendable () -> Void
    private let running = Atomic(0)
    private let isParked = Atomic(false)
    private let wake = Mutex<EventDescriptor?>(nil)

    init(_ tick: @escaping @Sendable () -> Void) { self.tick = tick }

    func start(_ prepare: @escaping @Sendable () -> Void) throws {
        let event = try EventDescriptor()
        wake.withLock { $0 = event }
        _ = try Thread(named: "clock") { [self] in
            prepare()
            var idle = 0
            var ticked = ProcessTime.nanoseconds
            // For the process's life.
            while true {
                idle = running.load(ordering: .sequentiallyConsistent) > 0 ? 0 : idle + 1
                // A call that begins between the two sees that the clock is parked, or is seen here.
                let sleeps = idle > Self.idleTicks
                isParked.store(sleeps, ordering: .sequentiallyConsistent)
                let isIdle = sleeps && running.load(ordering: .sequentiallyConsistent) == 0
                let limit: CInt = isIdle ? 60_000 : 1
                if (try? event.descriptor.isReadable(by: Deadline(inMilliseconds: limit))) == true { event.drain() }
                // Not for what was used before: the call that runs now may have just begun.
                let now = ProcessTime.nanoseconds
                if isIdle { ticked = now }
                guard now - ticked >= 1_000_000 else { continue }
                tick()
                ticked = now
            }
        }
    }

    private static let idleTicks = 20

    func begin() {
        running.add(1, ordering: .sequentiallyConsistent)
        if isParked.load(ordering: .sequentiallyConsistent) { wake.withLock { $0?.signal() } }
    }

    func end() { running.subtract(1, ordering: .sequentiallyConsistent) }
}
