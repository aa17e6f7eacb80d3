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
    /// Runs the body with the interfaces of a network namespace; nil: none but the loopback. They are given back when
    /// the container's directory is removed, or the body fails.
    func withNetwork<Result>(at path: String?, _ body: (Placement.Order) throws -> Result) throws -> Result {
        guard let path else { return try body(self) }
        var order = self
        let network = try PodNetwork(namespaceAt: path)
        order.network = network
        do { return try body(order) } catch {
            network.detach()
            throw error
        }
    }
}
