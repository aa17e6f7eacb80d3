/// A pool of new network namespaces, with their loopback interface up: making one takes the kernel longer than
/// everything else of a container's start together.
final class NetworkNamespacePool {
    private let loop: PollLoop
    private var ready: [Descriptor] = []
    private var isPlanned = false
    /// How many containers may still come: no more are made than can be taken.
    private var expected: UInt32 = 0
    private var waiters: [() -> Void] = []

    private static let most = 2
    /// Milliseconds until a taken one is replaced: the start that took it, and its like, come first.
    private static let delay: UInt32 = 30

    init(loop: PollLoop) { self.loop = loop }

    /// Begins to make them, for so many containers at most.
    func provide(for containers: UInt32) {
        expected = containers
        refill(after: 0)
    }

    /// One of the pool, which is the caller's alone; nil where it is empty.
    func take() -> Descriptor? {
        if expected != .max && expected > 0 { expected -= 1 }
        defer { refill(after: NetworkNamespacePool.delay) }
        return ready.popLast()
    }

    /// Calls the action when nothing is being made any more.
    func whenProvided(_ action: @escaping () -> Void) {
        if isPlanned { waiters.append(action) } else { action() }
    }

    private var isWanting: Bool { ready.count < NetworkNamespacePool.most && UInt32(ready.count) < expected }

    /// Makes what is missing, in a while of so many milliseconds.
    private func refill(after delay: UInt32) {
        guard !isPlanned, isWanting else { return }
        isPlanned = true
        _ = loop.after(milliseconds: delay) { [self] in
            do throws(Failure) {
                try make()
            } catch {
                // Containers make their own then.
                GuestConsole.log("cannot \(error.text): errno \(error.code)")
                end()
            }
        }
    }

    /// A child makes one and sends it: it can take long, while others go away.
    private func make() throws(Failure) {
        let (channel, childChannel) = try Kernel.makeChannel()
        switch try Kernel.clone(namespaces: 0, controlGroup: -1) {
        case .child:
            if Kernel.unshare(NamespaceFlag.network) == 0 && Kernel.raiseLoopback() == 0 {
                _ = Kernel.send(
                    childChannel.rawValue, [1], descriptor: Kernel.open("/proc/self/ns/net", OpenFlag.read))
            }
            Kernel.exit(0)
        case .parent(_, let process):
            let deadline = loop.after(milliseconds: WaitLimit.networkNamespace) { [self] in
                _ = Kernel.signal(process, 9)
                loop.forget(channel.rawValue)
                GuestConsole.log("no network namespace was made in \(WaitLimit.networkNamespace) ms")
                end()
            }
            loop.watch(channel.rawValue, for: Ready.readable) { [self] _ in
                loop.forget(channel.rawValue)
                loop.cancel(deadline)
                var buffer: [UInt8] = [0]
                guard let namespace = Kernel.receive(channel.rawValue, into: &buffer).descriptor else { return end() }
                ready.append(namespace)
                isPlanned = false
                refill(after: NetworkNamespacePool.delay)
                if !isPlanned { end() }
            }
        }
    }

    /// Nothing is being made any more.
    private func end() {
        isPlanned = false
        let called = waiters
        waiters = []
        for action in called { action() }
    }
}
