import NIOCore

/// Where a function's requests go: which container has room, who waits for one, and which containers are too many. A pure
/// value; times are milliseconds of a clock that never goes back.
struct Dispatcher {
    typealias ContainerNumber = UInt64
    typealias WaiterNumber = UInt64

    /// Where a container stands.
    ///
    ///     starting ─ready→ ready ⇄ paused
    ///     starting, ready, paused ─drain→ draining (no new requests) ─→ gone
    enum ContainerState: Equatable {
        case starting
        case ready
        case paused
        /// Ends when its requests have.
        case draining
    }

    struct Slot {
        var state = ContainerState.starting
        /// Requests in it.
        var active = 0
        /// When its last request ended, or it became ready.
        var idleSince: Int64 = 0
        /// Which definition it is of.
        let generation: Int
    }

    /// A request that goes to a container.
    struct Assignment: Equatable {
        let waiter: WaiterNumber
        let container: ContainerNumber
        /// It was paused, and is to be resumed first.
        let wasPaused: Bool
    }

    enum Verdict: Equatable {
        case assigned(Assignment)
        case queued
        case full(waiting: Int)
    }

    private(set) var slots: [ContainerNumber: Slot] = [:]
    private var queue = CircularBuffer<WaiterNumber>()
    /// Requests at once in one container.
    var concurrency: Int
    var maxWaiting: Int
    /// Containers of older generations get no new requests.
    private(set) var generation = 0

    init(concurrency: Int, maxWaiting: Int) {
        self.concurrency = concurrency
        self.maxWaiting = maxWaiting
    }

    var waitingCount: Int { queue.count }
    var activeCount: Int { slots.values.reduce(0) { $0 + $1.active } }
    /// Containers that take requests, or will.
    var currentCount: Int { slots.values.count { $0.state != .draining } }
    func count(of state: ContainerState) -> Int { slots.values.count { $0.state == state } }

    // MARK: Requests

    mutating func admit(_ waiter: WaiterNumber) -> Verdict {
        if queue.isEmpty, let assignment = assign(waiter) { return .assigned(assignment) }
        guard queue.count < maxWaiting else { return .full(waiting: queue.count) }
        queue.append(waiter)
        return .queued
    }

    /// A request that waits is waited for no longer; false where it does not wait.
    mutating func withdraw(_ waiter: WaiterNumber) -> Bool {
        guard let index = queue.firstIndex(of: waiter) else { return false }
        queue.remove(at: index)
        return true
    }

    /// All that wait: none of them will get a container.
    mutating func withdrawAll() -> [WaiterNumber] {
        defer { queue = CircularBuffer() }
        return Array(queue)
    }

    /// A request has left its container.
    mutating func finish(in container: ContainerNumber, at now: Int64) -> [Assignment] {
        guard let slot = slots[container] else { return [] }
        slots[container]?.active = max(0, slot.active - 1)
        slots[container]?.idleSince = now
        return assignWaiting()
    }

    // MARK: Containers

    mutating func add(_ container: ContainerNumber) { slots[container] = Slot(generation: generation) }

    mutating func becomeReady(_ container: ContainerNumber, at now: Int64) -> [Assignment] {
        guard slots[container]?.state == .starting else { return [] }
        slots[container]?.state = .ready
        slots[container]?.idleSince = now
        return assignWaiting()
    }

    /// It takes no request until one resumes it; false where it has one, or is not there.
    mutating func pause(_ container: ContainerNumber) -> Bool {
        guard let slot = slots[container], slot.state == .ready, slot.active == 0 else { return false }
        slots[container]?.state = .paused
        return true
    }

    /// It takes no more requests; true where it has none left.
    mutating func drain(_ container: ContainerNumber) -> Bool {
        guard let slot = slots[container] else { return false }
        slots[container]?.state = .draining
        return slot.active == 0
    }

    mutating func remove(_ container: ContainerNumber) { slots[container] = nil }

    /// New containers are of a new definition; those there are drain. Returns those that have no request.
    mutating func beginGeneration() -> [ContainerNumber] {
        generation += 1
        let former = slots.keys.sorted()
        return former.filter { drain($0) }
    }

    // MARK: Choices

    /// Containers that have had no request for so long, those that rest longest first.
    func idle(for span: Int64, at now: Int64, in states: [ContainerState]) -> [ContainerNumber] {
        slots.filter { states.contains($0.value.state) && $0.value.active == 0 && now - $0.value.idleSince >= span }
            .sorted { ($0.value.idleSince, $0.key) < ($1.value.idleSince, $1.key) }.map(\.key)
    }

    private mutating func assignWaiting() -> [Assignment] {
        var assignments: [Assignment] = []
        while let waiter = queue.first, let assignment = assign(waiter) {
            queue.removeFirst()
            assignments.append(assignment)
        }
        return assignments
    }

    /// The fullest container that has room, so that others become idle; of equals the one that was last in use. A paused one
    /// only where no other has room.
    private mutating func assign(_ waiter: WaiterNumber) -> Assignment? {
        var best: (number: ContainerNumber, slot: Slot)?
        for (number, slot) in slots where slot.state == .ready || slot.state == .paused {
            guard slot.active < concurrency else { continue }
            if let best, !Self.isBetter(slot, number, than: best.slot, best.number) { continue }
            best = (number, slot)
        }
        guard let best else { return nil }
        slots[best.number]?.active += 1
        slots[best.number]?.state = .ready
        return Assignment(waiter: waiter, container: best.number, wasPaused: best.slot.state == .paused)
    }

    private static func isBetter(
        _ slot: Slot, _ number: ContainerNumber, than other: Slot, _ otherNumber: ContainerNumber
    ) -> Bool {
        let ranks = (slot.state == .ready ? 1 : 0, slot.active, slot.idleSince)
        let others = (other.state == .ready ? 1 : 0, other.active, other.idleSince)
        return ranks == others ? number < otherNumber : ranks > others
    }
}
