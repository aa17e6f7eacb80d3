import ControlProtocol
public import LinuxSystem
import Logging
import Logs

/// One container on its way into a VM: offered to one VM after the other until one takes it, the last of them started
/// for it. It waits for no VM itself: its caller waits for the answer to each offer. One thread uses it at a time.
///
/// When a step throws, nothing of the container is left; an attempt that is given up is to be abandoned.
public final class PlacementAttempt {
    /// What is to be done next.
    public enum Step {
        case placed(Placement.Placed)
        /// Wait until the socket is readable, or the time is over, then go on.
        case wait(OwnedDescriptor, Deadline)
    }

    /// How many VMs are started for one container, each of which others fill before it comes to it.
    private static let maxLost = 8

    private let placement: Placement
    private let order: Placement.Order
    private let function: FunctionDirectory
    private var entry: ContainerEntry
    private var candidates: [VirtualMachineDirectory] = []
    private var tried: Set<String> = []
    /// The candidates were read without the function's lock: one may be there and not listen yet.
    private var maySoonListen: Bool
    private var lost = 0
    /// The offer that is not answered yet.
    private var offer: Offer?

    /// A VM that the container was offered to.
    private struct Offer {
        let machine: VirtualMachineDirectory
        let connection: ControlConnection
        let origin: Origin
        let askedAt = MonotonicClock.nanoseconds
        /// Volumes first, then the container.
        var request: UInt32 = 0
        var deadline = Deadline(inMilliseconds: 0)
        var volumesLeft: ArraySlice<HostVolume>
        var isLast = false
        /// It was given a process that serves volumes.
        var hasFileServer = false

        /// When the VM was started for the container; of one that was there, when it was asked.
        var monitorAt: UInt64 { if case .fresh(let machine) = origin { machine.startedAt } else { askedAt } }
        var isFresh: Bool { if case .fresh = origin { true } else { false } }
    }

    private enum Origin {
        case running(wasPrewarmed: Bool)
        case fresh(Placement.StartedMachine)
    }

    /// Enters the container.
    public init(_ order: Placement.Order, by placement: Placement) throws(RuntimeError) {
        self.placement = placement
        self.function = placement.registry.function(order.key)
        maySoonListen = order.pinned == nil
        candidates =
            if let machine = order.pinned {
                [machine]
            } else {
                try placement.candidates(in: function, for: order.key)
            }
        var order = order
        order.record.virtualMachine = candidates.first?.id
        entry = try ContainerEntry(order, in: placement.registry)
        // From here on the entry alone has them.
        order.streams = .none
        self.order = order
    }

    /// The first step.
    public func begin() throws(RuntimeError) -> Step { try orNothing { () throws(RuntimeError) in try nextOffer() } }

    /// The step after an offer.
    /// - Parameter hasAnswered: the socket has become readable in time.
    public func goOn(hasAnswered: Bool) throws(RuntimeError) -> Step {
        try orNothing { () throws(RuntimeError) in
            guard let offer else { return try nextOffer() }
            self.offer = nil
            return hasAnswered ? try receive(offer) : try giveUp(offer)
        }
    }

    /// Takes the container out of the registry.
    public func abandon() {
        offer = nil
        entry.letGoOfDescriptors()
        try? entry.directory.remove()
    }

    private func orNothing(_ body: () throws(RuntimeError) -> Step) throws(RuntimeError) -> Step {
        do { return try body() } catch {
            abandon()
            throw error
        }
    }

    // MARK: offers

    /// Offers it to the next VM.
    private func nextOffer() throws(RuntimeError) -> Step {
        while true {
            while !candidates.isEmpty {
                let machine = candidates.removeFirst()
                guard tried.insert(machine.id).inserted else { continue }
                let wasPrewarmed = try machine.takePrewarmed()
                // One that takes a single container belongs to the container that has got it.
                if order.key.isAlone && !wasPrewarmed { continue }
                if let step = try offerTo(machine, .running(wasPrewarmed: wasPrewarmed)) { return step }
                if maySoonListen { tried.remove(machine.id) }
            }
            maySoonListen = false
            if let machine = order.pinned { throw full(machine) }
            switch try placement.nextMachine(of: function, notIn: tried, for: order) {
            case nil, .reserved: continue
            case .untried(let machines): candidates = machines
            case .fresh(let machine):
                tried.insert(machine.directory.id)
                if let step = try offer(toFresh: machine) { return step }
            }
        }
    }

    private func full(_ machine: VirtualMachineDirectory) -> RuntimeError {
        .refused(
            Refusal(
                .full,
                "the VM \(machine.id) has no free zone of \(ByteSize(bytes: order.zoneSizeInBytes)) for \(order.record.id)"
            ))
    }

    /// Nil where nobody listens, or not any more.
    private func offerTo(_ machine: VirtualMachineDirectory, _ origin: Origin) throws(RuntimeError) -> Step? {
        do throws(RuntimeError) {
            guard let connection = try machine.connect(timeouts: placement.timeouts) else { return nil }
            if entry.record.virtualMachine != machine.id {
                entry.record.virtualMachine = machine.id
                try entry.directory.update(entry.record)
            }
            return try send(
                Offer(
                    machine: machine, connection: connection, origin: origin,
                    volumesLeft: order.volumes.volumes[...]))
        } catch {
            guard case .running = origin else { throw error }
            // As one that is full: it has just powered itself off, or takes no more connections.
            switch error {
            case .system(let failure) where failure.isEndOfPeer: break
            case .silent where order.pinned == nil: Log.logger.warning("\(error)")
            default: throw error
            }
            maySoonListen = false
            return nil
        }
    }

    /// A VM that was just started has to answer. One whose template is no good is replaced by one that boots.
    private func offer(toFresh machine: Placement.StartedMachine) throws(RuntimeError) -> Step? {
        var machine = machine
        while true {
            let failure: RuntimeError
            do throws(RuntimeError) {
                if let step = try offerTo(machine.directory, .fresh(machine)) { return step }
                failure = ended(machine.directory)
            } catch { failure = isEndOfPeer(error) ? ended(machine.directory) : error }
            guard let booted = try replacement(for: machine, failure) else { return nil }
            machine = booted
        }
    }

    /// Nil where the function was removed meanwhile.
    private func replacement(
        for machine: Placement.StartedMachine, _ failure: RuntimeError
    ) throws(RuntimeError) -> Placement.StartedMachine? {
        guard let template = machine.template, case .virtualMachineEnded(_, let words) = failure else { throw failure }
        Log.logger.warning("booting a VM, as its template is no good: \(words.isEmpty ? "\(failure)" : words)")
        try placement.templates(order.machine).discard(template)
        return try function.locked(making: order.key) { () throws(RuntimeError) in
            try placement.start(placement.reserve(in: function), for: order.machine, fromTemplate: false)
        }
    }

    /// Sends the next of an offer's requests.
    private func send(_ offer: Offer) throws(RuntimeError) -> Step {
        var offer = offer
        if offer.volumesLeft.isEmpty {
            offer.request = try offer.connection.send(entry.request, descriptors: entry.descriptors)
            offer.isLast = true
        } else {
            offer.request = try offer.connection.attach(&offer.volumesLeft, to: entry.record.id)
        }
        offer.deadline = Deadline(
            inMilliseconds: offer.isFresh ? placement.timeouts.start : placement.timeouts.offer)
        return wait(for: offer)
    }

    /// Gives the VM, which has had no volumes yet, a process that serves them, and begins with the volumes again.
    private func sendFileServer(_ offer: Offer) throws(RuntimeError) -> Step {
        var offer = offer
        let connections = try FileServerLaunch(
            monitor: placement.files.monitor, isReduced: placement.configuration.reducesJail,
            machine: offer.machine
        ).start()
        offer.request = try offer.connection.send(.serveFiles, descriptors: connections)
        offer.volumesLeft = order.volumes.volumes[...]
        offer.hasFileServer = true
        offer.deadline = Deadline(inMilliseconds: placement.timeouts.offer)
        return wait(for: offer)
    }

    private func wait(for offer: Offer) -> Step {
        self.offer = offer
        return .wait(offer.connection.socket, offer.deadline)
    }

    // MARK: answers

    private func receive(_ offer: Offer) throws(RuntimeError) -> Step {
        let isOpen: Bool
        do throws(RuntimeError) { isOpen = try offer.connection.fill() } catch {
            // A VM that has just powered itself off.
            guard isEndOfPeer(error) else { throw error }
            return try conclude(offer, nil)
        }
        while let frame = try offer.connection.nextReceived() {
            if frame.request == offer.request { return try conclude(offer, frame.content) }
        }
        // A part of an answer, or nothing more.
        return isOpen ? wait(for: offer) : try conclude(offer, nil)
    }

    /// By the VM's answer; nil: it has closed the connection.
    private func conclude(_ offer: Offer, _ reply: ControlReply?) throws(RuntimeError) -> Step {
        switch (reply, offer.origin) {
        case (.done, _) where !offer.isLast:
            return try going(on: offer) { offer throws(RuntimeError) in try send(offer) }
        case (.refused(let refusal), _) where refusal.reason == .noFileServer && !offer.hasFileServer:
            return try going(on: offer) { offer throws(RuntimeError) in try sendFileServer(offer) }
        case (.accepted(_, let zone), _) where offer.isLast:
            entry.letGoOfDescriptors()
            provide(behind: offer)
            return .placed(
                Placement.Placed(
                    container: entry.directory, machine: offer.machine, connection: offer.connection,
                    request: offer.request, zone: zone,
                    moments: StartTimings.Moments(
                        placing: order.beganAt, monitor: offer.monitorAt, accepted: MonotonicClock.nanoseconds)))
        // Others may have filled one that was just started before its starter came to it.
        case (.refused(let refusal), .fresh) where refusal.reason == .full:
            lost += 1
            guard lost < Self.maxLost else {
                throw .refused(
                    Refusal(.full, "others took every zone of the \(lost) VMs started for \(order.record.id)"))
            }
            return try nextOffer()
        case (.refused(let refusal), .running) where refusal.reason == .full || refusal.reason == .wrongState:
            return try nextOffer()
        case (.refused(let refusal), _): throw .refused(refusal)
        case (nil, .running): return try nextOffer()
        case (nil, .fresh(let machine)):
            guard let booted = try replacement(for: machine, ended(offer.machine)),
                let step = try self.offer(toFresh: booted)
            else { return try nextOffer() }
            return step
        default:
            throw .conversation(
                "the VM \(offer.machine.id) answered something else than whether it takes the container")
        }
    }

    /// Sends what is next, to a VM that may have ended meanwhile.
    private func going(
        on offer: Offer, _ send: (Offer) throws(RuntimeError) -> Step
    ) throws(RuntimeError) -> Step {
        do throws(RuntimeError) { return try send(offer) } catch {
            guard isEndOfPeer(error) else { throw error }
            return try conclude(offer, nil)
        }
    }

    /// A VM has not answered in time. One that was started for the container is of no use; another may have others'
    /// containers.
    private func giveUp(_ offer: Offer) throws(RuntimeError) -> Step {
        let error = RuntimeError.silent(
            id: offer.machine.id, milliseconds: offer.isFresh ? placement.timeouts.start : placement.timeouts.offer)
        if offer.isFresh { try? offer.machine.kill() }
        guard !offer.isFresh, order.pinned == nil else { throw error }
        Log.logger.warning("\(error)")
        return try nextOffer()
    }

    private func provide(behind offer: Offer) {
        switch offer.origin {
        case .running(let wasPrewarmed):
            placement.provide(
                for: order.machine, behind: offer.machine, lacksTemplate: false, usedOne: wasPrewarmed)
        case .fresh(let machine):
            placement.provide(
                for: order.machine, behind: offer.machine, lacksTemplate: machine.lacksTemplate, usedOne: true)
        }
    }

    private func ended(_ machine: VirtualMachineDirectory) -> RuntimeError {
        .virtualMachineEnded(id: machine.id, lastWords: machine.lastWords())
    }

    private func isEndOfPeer(_ error: RuntimeError) -> Bool {
        if case .system(let failure) = error { failure.isEndOfPeer } else { false }
    }
}
