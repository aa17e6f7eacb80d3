import LinuxSystem
import Runtime
import Synchronization
import TTRPC

/// What a container with hooks has on the host: they, and the process that their state names.
final class HookedContainer: Sendable {
    private let hooks: ContainerHooks
    private let holder = Mutex<NetworkHolder?>(nil)
    private let work: BlockingWork

    init(_ hooks: ContainerHooks, _ work: BlockingWork) {
        self.hooks = hooks
        self.work = work
    }

    /// Nil before `begin`, and after `end`.
    var processHolder: NetworkHolder? { holder.withLock { $0 } }
    var processID: Int32? { processHolder?.processID }

    /// Makes the process, and runs what is to run before the container is made.
    ///
    /// - Parameter namespace: the network namespace that the host has of it already; nil: it gets one of its own.
    /// - Throws: where a hook fails. `end` is then still owed.
    func begin(_ command: [String], namespaceAt namespace: String?) async throws {
        let (hooks, work) = (hooks, work)
        let started = try await work.run { try NetworkHolder(command, namespaceAt: namespace) }
        holder.withLock { $0 = started }
        try await work.runApart { try hooks.runBeforeCreation(process: started.processID) }
    }

    /// Its program runs.
    func noteStart() async {
        guard let processID else { return }
        let hooks = hooks
        try? await work.runApart { hooks.runAfterStart(process: processID) }
    }

    /// Somebody on the host has ended the process, as they would end a container.
    func whenKilled(_ action: @escaping @Sendable () async -> Void) {
        guard let ended = processHolder?.ended else { return }
        Task { [weak self] in
            var hasEnded = false
            // A wait has an end; the process may live for months.
            while !hasEnded, self?.processHolder != nil {
                hasEnded = await DescriptorReadiness.wait(for: ended, by: Deadline(inMilliseconds: 3_600_000))
            }
            if self?.processHolder != nil { await action() }
        }
    }

    /// Nothing is left of the container in its VM.
    func end() async {
        let (hooks, work) = (hooks, work)
        let last = holder.withLock { holder in
            defer { holder = nil }
            return holder
        }
        guard let last else { return }
        try? await work.runApart {
            hooks.runAfterStop()
            last.end()
        }
    }
}
