import ControlProtocol
import Glibc
import LinuxSystem
import OCI
import Runtime

/// Carries out `czone run`.
struct ContainerRunner {
    let registry: Registry
    let store: ImageStore
    let options: RunOptions
    /// When the command began, by `MonotonicClock`.
    let beganAt: UInt64

    /// The exit code for this process.
    func run() throws -> Int32 {
        let configuration = try Configuration.load()
        let files = try VirtualMachineFiles(Artefacts())
        let image = try ImageImport.resolve(options.image, in: store)
        let plan = try RunPlan(
            options, image: image, configuration: configuration, files: files, registry: registry)
        let placement = Placement(registry: registry, configuration: configuration, files: files)
        let network = try NetworkChoice(options.network).attach()
        guard options.isDetached else {
            defer { network?.detach() }
            return try runInForeground(plan, placement, network)
        }
        do { return try runDetached(plan, placement, network) } catch {
            network?.detach()
            throw error
        }
    }

    private func order(_ plan: RunPlan, _ streams: StreamEnds.Far, _ network: PodNetwork?) -> Placement.Order {
        var order = Placement.Order(plan, streams: streams, store: store)
        order.network = network
        return order
    }

    private func runDetached(_ plan: RunPlan, _ placement: Placement, _ network: PodNetwork?) throws -> Int32 {
        let placed = try placement.place(order(plan, .none, network))
        let started: UInt32?
        do { started = try attach(placed, plan) } catch let refusal as Refused {
            network?.detach()
            return try giveUp(placed, refusal.refusal)
        }
        while let frame = try placed.connection.receive() {
            guard frame.request == placed.request || frame.request == started else { continue }
            switch frame.content {
            case .started(let started):
                printTimings(placed, started)
                printOutput(plan.record.id)
                return 0
            case .refused(let refusal):
                network?.detach()
                return try giveUp(placed, refusal)
            case .exited(let record):
                network?.detach()
                printOutput(plan.record.id)
                return record.code == 0 ? 0 : explain(record, plan.record)
            default: continue
            }
        }
        throw RuntimeError.virtualMachineEnded(id: placed.machine.id, lastWords: placed.machine.lastWords())
    }

    private func runInForeground(_ plan: RunPlan, _ placement: Placement, _ network: PodNetwork?) throws -> Int32 {
        let (streams, far) = try StreamEnds.make(input: options.isInteractive, terminal: options.hasTerminal)
        let placed = try placement.place(order(plan, far, network))
        do { return try follow(placed, streams, plan, started: try attach(placed, plan)) } catch let refusal as Refused
        {
            return try giveUp(placed, refusal.refusal)
        }
    }

    /// Gives a container the fabric, if it is to have that, and starts it then: the number of that request.
    private func attach(_ placed: Placement.Placed, _ plan: RunPlan) throws -> UInt32? {
        guard let fabric = plan.fabric else { return nil }
        do {
            try placed.awaitCreation()
            try FabricClient(registry).attach(
                plan.record.id, in: placed.machine, fabric, tenant: plan.record.tenant, try Configuration.load())
        } catch RuntimeError.refused(let refusal) {
            throw Refused(refusal: refusal)
        } catch {
            // What was made of it goes: a detached one would not go with this connection.
            _ = try? placed.machine.ask(.remove(container: plan.record.id))
            try placed.container.remove()
            throw error
        }
        return try placed.connection.send(.start(container: plan.record.id))
    }

    private func follow(
        _ placed: Placement.Placed, _ streams: StreamEnds, _ plan: RunPlan, started: UInt32?
    ) throws -> Int32 {
        let session = try ForegroundSession(
            connection: placed.connection, request: placed.request, startRequest: started, container: plan.record.id,
            streams: streams, terminal: options.hasTerminal)
        session.onStart = { started in printTimings(placed, started) }
        switch try session.run() {
        case .exited(let record):
            if options.isRemovedAtEnd { try placed.container.remove() }
            return explain(record, plan.record)
        case .refused(let refusal): return try giveUp(placed, refusal)
        case .interrupted(let signal):
            try placed.container.remove()
            return 128 + signal
        case .virtualMachineEnded:
            let lastWords = placed.machine.lastWords()
            try registry.cleanUp()
            throw RuntimeError.invalid("the container's VM ended\(lastWords.isEmpty ? "" : ": \(lastWords)")")
        }
    }

    private func printTimings(_ placed: Placement.Placed, _ started: Started) {
        guard options.showsTimings else { return }
        printError(StartTimings(beganAt: beganAt, placed.moments, started.stages).table)
    }

    /// The container never ran; nothing of it stays.
    private func giveUp(_ placed: Placement.Placed, _ refusal: Refusal) throws -> Int32 {
        try placed.container.remove()
        report(refusal.text)
        return refusal.exitCode
    }

    /// Says why it ended where that was not its program's doing; the exit code.
    private func explain(_ exit: ExitRecord, _ record: ContainerRecord) -> Int32 {
        let reason = Registry.explanation(of: exit, record)
        if !reason.isEmpty { printError(exit.outOfMemory ? "killed: \(reason)" : "czone: \(reason)") }
        return exit.outOfMemory ? 137 : Int32(exit.code)
    }
}

/// The VM has not made the container.
private struct Refused: Error {
    let refusal: Refusal
}

extension Refusal {
    /// What a shell would exit with when the program is at fault; else 1.
    var exitCode: Int32 {
        switch reason {
        case .programNotFound: 127
        case .programNotRunnable: 126
        default: 1
        }
    }
}
