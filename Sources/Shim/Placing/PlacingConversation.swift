import LinuxSystem
import OCI
import Runtime
import Synchronization

/// A container that is offered to VMs. Each step has a thread of its own, as a VM may take no connection; each offer has
/// `ControlTimeouts.offer` (`.start` for a VM that was just started), and is waited for without a thread.
final class PlacingConversation: Sendable {
    private let attempt: Mutex<PlacementAttempt>

    /// Enters the container. Blocks as files do.
    init(_ order: Placement.Order, by placement: Placement) throws {
        attempt = Mutex(try PlacementAttempt(order, by: placement))
    }

    private enum Step: Sendable {
        case placed(BegunConversation, VirtualMachineDirectory)
        case wait(OwnedDescriptor, Deadline)
    }

    /// Until a VM has taken it; where none does, or the caller is cancelled, nothing of it is left.
    func run(_ work: BlockingWork) async throws -> (BegunConversation, VirtualMachineDirectory) {
        var hasAnswered: Bool?
        while true {
            let answer = hasAnswered
            switch try await work.runApart({ try self.step(answer) }) {
            case .placed(let begun, let machine): return (begun, machine)
            case .wait(let socket, let deadline):
                hasAnswered = await DescriptorReadiness.wait(for: socket, by: deadline)
                if Task.isCancelled {
                    try? await work.run { self.attempt.withLock { $0.abandon() } }
                    throw CancellationError()
                }
            }
        }
    }

    /// - Parameter hasAnswered: whether the last offer's socket became readable; nil: there was none.
    private func step(_ hasAnswered: Bool?) throws -> Step {
        try attempt.withLock { attempt in
            switch try hasAnswered.map({ try attempt.goOn(hasAnswered: $0) }) ?? attempt.begin() {
            case .wait(let socket, let deadline): .wait(socket, deadline)
            case .placed(let placed):
                .placed(BegunConversation(placed.connection, request: placed.request), placed.machine)
            }
        }
    }
}

extension Placement.Order {
    /// Runs the body with the interfaces of a network namespace, given by its path or by the process that holds it for the
    /// container; nil: none but the loopback. They are given back when the container's directory is removed, or the body
    /// fails.
    func withNetwork<Result>(
        at path: String?, heldBy holder: NetworkHolder? = nil, _ body: (Placement.Order) throws -> Result
    ) throws -> Result {
        let own = holder.flatMap { $0.isContainersOwn ? $0 : nil }
        guard let network = try own.map({ try PodNetwork(of: $0) }) ?? path.map({ try PodNetwork(namespaceAt: $0) })
        else { return try body(self) }
        var order = self
        order.network = network
        do { return try body(order) } catch {
            network.detach()
            throw error
        }
    }
}
