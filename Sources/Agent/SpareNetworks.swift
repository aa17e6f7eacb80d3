/// Network namespaces made ahead, with their loopback interface up: making one takes the kernel longer than everything
/// else of a container's start together.
final class SpareNetworks {
    private let loop: EventLoop
    private var ready: [Descriptor] = []
    private var isPlanned = false

    private static let wanted = 2
    /// Milliseconds until a taken one is replaced: the start that took it, and its like, come first.
    fileprivate static let delay: UInt32 = 30

    init(loop: EventLoop) { self.loop = loop }

    /// One that nobody else has, if there is one.
    func take() -> Descriptor? {
        refill()
        return ready.popLast()
    }

    /// Makes what is missing, in a while of so many milliseconds.
    func refill(after delay: UInt32 = SpareNetworks.delay) {
        guard !isPlanned, ready.count < SpareNetworks.wanted else { return }
        isPlanned = true
        _ = loop.after(milliseconds: delay) { [self] in
            do throws(Failure) {
                try make()
            } catch {
                // Containers make their own then.
                Console.log("cannot \(error.text): errno \(error.code)")
                isPlanned = false
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
        case .parent:
            loop.watch(channel.rawValue, for: Ready.readable) { [self] _ in
                loop.forget(channel.rawValue)
                var buffer: [UInt8] = [0]
                isPlanned = false
                guard let namespace = Kernel.receive(channel.rawValue, into: &buffer).descriptor else { return }
                ready.append(namespace)
                refill()
            }
        }
    }
}
