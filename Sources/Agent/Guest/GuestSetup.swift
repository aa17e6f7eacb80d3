import Geometry

/// What belongs to the guest as a whole: its clock and entropy, its shares, its end.
final class GuestSetup {
    private let loop: PollLoop
    private let host: HostConnection
    private let zones: GuestZones
    private let networks: NetworkNamespacePool
    private let workers: Workers
    /// Whether this is PID 1 of a czone machine, which has a device tree.
    private let isGuest: Bool
    private(set) var isSetUp = false
    private let images: GuestImages
    /// The tags of those that are mounted.
    private var shares: [String] = []

    init(
        loop: PollLoop, host: HostConnection, zones: GuestZones, networks: NetworkNamespacePool, workers: Workers,
        images: GuestImages, isGuest: Bool
    ) {
        self.images = images
        self.workers = workers
        self.loop = loop
        self.host = host
        self.zones = zones
        self.networks = networks
        self.isGuest = isGuest
    }

    func setUp(_ setup: Setup, _ caller: Caller) throws(Failure) {
        var timer = StepTimer()
        try set(clock: setup.wallClock, entropy: setup.entropy)
        try check(Kernel.setHostName(setup.hostname), .clock, "set host name \(setup.hostname)")
        timer.lap(.clock)
        let machine = isGuest ? try MachineTree.ofThisMachine() : MachineTree()
        try zones.set(machine.zones)
        timer.lap(.zoneOnline)
        try images.mountAll(machine.images)
        timer.lap(.image)
        isSetUp = true
        networks.provide(for: setup.maxContainers)
        caller.reply(Done(timings: timer.timings))
    }

    func renew(_ renew: Renew, _ caller: Caller) throws(Failure) {
        var timer = StepTimer()
        try set(clock: renew.wallClock, entropy: renew.entropy)
        timer.lap(.clock)
        try images.fill(renew.images)
        timer.lap(.image)
        caller.reply(Done(timings: timer.timings))
    }

    func adjustClock(_ change: AdjustClock, _ caller: Caller) throws(Failure) {
        let isSmall = change.nanoseconds.magnitude < AdjustClock.maxSlew.magnitude
        // What is left of an earlier difference is no part of this one.
        let slew = Kernel.slewWallClock(by: isSmall ? change.nanoseconds : 0)
        try check(slew, .clock, "slew the clock by \(change.nanoseconds) ns")
        if !isSmall {
            try check(
                Kernel.stepWallClock(by: change.nanoseconds), .clock, "step the clock by \(change.nanoseconds) ns")
        }
        caller.reply(Done())
    }

    func settle(_: Settle, _ caller: Caller) throws(Failure) {
        // Clean pages, names and inodes: a template is smaller without them, and they come again where they are needed.
        try writeValue("3", to: "/proc/sys/vm/drop_caches", .request)
        networks.whenProvided { caller.reply(Done()) }
    }

    func powerOff(_: PowerOff, _ caller: Caller, killAll: () -> Void) {
        caller.reply(Done())
        killAll()
        // The answer should leave first; a host that does not read it cannot hold the end up.
        _ = loop.after(milliseconds: host.isFlushed ? 0 : WaitLimit.lastAnswer) { [self] in
            let synchronize = { () -> [UInt8] in
                Kernel.synchronize()
                return [1]
            }
            do throws(Failure) {
                try workers.run(timeout: WaitLimit.synchronize, group: nil, synchronize) { _ in GuestSetup.end() }
            } catch {
                GuestSetup.end()
            }
        }
    }

    private static func end() {
        if Kernel.powerOff() < 0 { Kernel.exit(0) }
    }

    private func set(clock: UInt64, entropy: [UInt8]) throws(Failure) {
        if !entropy.isEmpty { try check(Kernel.addEntropy(entropy), .clock, "add entropy") }
        try check(Kernel.setWallClock(clock), .clock, "set the clock to \(clock) ns")
    }

    /// Mounts the shares that a specification names, each once.
    func mountShares(of specification: ContainerSpecification) throws(Failure) {
        var trees = specification.root.layers
        for mount in specification.mounts {
            if case .bind(let tree, _) = mount.source { trees.append(tree) }
        }
        for tree in trees {
            guard case .share(let tag, _) = tree else { continue }
            if shares.contains(where: { $0.utf8.elementsEqual(tag.utf8) }) { continue }
            // The tag is to name a directory, no more.
            guard !tag.utf8.contains(UInt8(ascii: "/")) else {
                throw Failure(code: ErrorNumber.invalid, step: .mounts, text: "use share \(tag): a tag has no /")
            }
            let directory = AgentDirectory.share(tag)
            let made = Kernel.makeDirectory(directory)
            if made != -ErrorNumber.exists { try check(made, .mounts, "make \(directory)") }
            try check(Kernel.mount(tag, on: directory, type: "virtiofs"), .mounts, "mount share \(tag)")
            shares.append(tag)
        }
    }
}

extension MachineTree {
    /// What the host describes in the device tree that the kernel was booted with (Documentation/ABI of Linux,
    /// sysfs-kernel-boot_params); nothing where the kernel was booted with none.
    static func ofThisMachine() throws(Failure) -> MachineTree {
        let entry = "/sys/kernel/boot_params/setup_data/0"
        // SETUP_DTB
        guard TextFile(entry + "/type").bytes[...].starts(with: "0x2\n") else { return MachineTree() }
        do throws(MachineTreeError) {
            return try MachineTree(parsing: TextFile(entry + "/data").bytes)
        } catch {
            throw Failure(code: ErrorNumber.invalid, step: .request, text: "read the device tree: \(error.reason)")
        }
    }
}
