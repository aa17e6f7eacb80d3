import Dispatch
import LinuxSystem
import Synchronization

/// Waits for descriptors without a thread.
enum DescriptorReadiness {
    /// Suspends until there is something to read, or an end; false when the time is over, or the task is cancelled. No
    /// thread waits.
    static func wait(for descriptor: OwnedDescriptor, by deadline: Deadline) async -> Bool {
        let wait = DescriptorWait(descriptor, milliseconds: Int(deadline.remainingMilliseconds))
        return await withTaskCancellationHandler {
            await withCheckedContinuation { wait.begin($0) }
        } onCancel: {
            wait.end(false)
        }
    }
}

/// One wait. It ends once, by the descriptor, the clock or the caller, whichever is first.
private final class DescriptorWait: Sendable {
    private static let queue = DispatchQueue(label: "descriptors")

    /// Dispatch's objects may be used by any thread (dispatch_object(3)).
    private struct Source: @unchecked Sendable {
        let source: any DispatchSourceRead
    }

    private enum State {
        case idle
        case waiting(CheckedContinuation<Bool, Never>, Source)
        case ended
    }

    private let descriptor: OwnedDescriptor
    private let milliseconds: Int
    private let state = Mutex(State.idle)

    init(_ descriptor: OwnedDescriptor, milliseconds: Int) {
        self.descriptor = descriptor
        self.milliseconds = milliseconds
    }

    func begin(_ waiter: CheckedContinuation<Bool, Never>) {
        let source = DispatchSource.makeReadSource(fileDescriptor: descriptor.rawValue, queue: Self.queue)
        source.setEventHandler { [self] in end(true) }
        // The descriptor lives until nobody watches it any more.
        source.setCancelHandler { [descriptor] in withExtendedLifetime(descriptor) {} }
        let watched = Source(source: source)
        let isWaiting = state.withLock { state in
            guard case .idle = state else { return false }
            state = .waiting(waiter, watched)
            return true
        }
        source.activate()
        guard isWaiting else {
            source.cancel()
            return waiter.resume(returning: false)
        }
        Self.queue.asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { [weak self] in self?.timeIsOver() }
    }

    /// What has come by now counts, whichever of the two events is handled first.
    private func timeIsOver() {
        end((try? descriptor.isReadable(by: Deadline(inMilliseconds: 0))) ?? false)
    }

    func end(_ isReadable: Bool) {
        let former = state.withLock { state in
            defer { state = .ended }
            return state
        }
        guard case .waiting(let waiter, let source) = former else { return }
        source.source.cancel()
        waiter.resume(returning: isReadable)
    }
}
