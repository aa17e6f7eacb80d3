extension Agent {
    func receive(_ frame: Frame, _ caller: Caller) {
        do throws(Failure) {
            switch frame.type {
            case .setup, .renew, .settle, .powerOff, .onlineZone, .offlineZone: try receiveForGuest(frame, caller)
            case .measureNodes, .measureContainer, .measureContainers, .measurePlacement, .listContainers,
                .listProcesses:
                try receiveForMeasure(frame, caller)
            default: try receiveForContainer(frame, caller)
            }
        } catch {
            connection?.reply(error, to: caller)
        }
    }

    private func receiveForGuest(_ frame: Frame, _ caller: Caller) throws(Failure) {
        switch frame.type {
        case .setup: try setUp(try message(frame), caller)
        case .renew:
            let renew: Renew = try message(frame)
            var stopwatch = Stopwatch()
            try set(clock: renew.wallClock, entropy: renew.entropy)
            stopwatch.lap(.clock)
            connection?.reply(Done(timings: stopwatch.timings), to: caller)
        case .settle:
            let _: Settle = try message(frame)
            try settle(caller)
        case .powerOff:
            let _: PowerOff = try message(frame)
            connection?.reply(Done(), to: caller)
            powerOff()
        case .onlineZone: try online(try message(frame), caller)
        default: try offline(try message(frame), caller)
        }
    }

    private func receiveForContainer(_ frame: Frame, _ caller: Caller) throws(Failure) {
        switch frame.type {
        case .createContainer: try create(try message(frame), caller)
        case .startContainer: try start(try message(frame), caller)
        case .deleteContainer: try delete(try message(frame), caller)
        case .execute: try execute(try message(frame), caller)
        case .pauseContainer: try pause(try message(frame), caller)
        case .reclaim: try reclaim(try message(frame), caller)
        case .signal: try answer(caller) { () throws(Failure) in try signal(try message(frame)) }
        case .resizeTerminal: try answer(caller) { () throws(Failure) in try resize(try message(frame)) }
        case .closeInput:
            let request: CloseInput = try message(frame)
            try process(request.process, of: request.container).input?.closeWhenEmpty()
            connection?.reply(Done(), to: caller)
        case .resumeContainer:
            let request: ResumeContainer = try message(frame)
            let container = try container(request.container)
            try container.group.set("cgroup.freeze", "0")
            if container.phase == .paused { container.phase = .running }
            connection?.reply(Done(), to: caller)
        case .updateResources:
            let request: UpdateResources = try message(frame)
            try container(request.container).group.apply(request.limits)
            connection?.reply(Done(), to: caller)
        default:
            let text = "serve a request of type \(frame.type.rawValue)"
            throw Failure(code: ErrorNumber.notSupported, step: .request, text: text)
        }
    }

    private func message<Content: Message>(_ frame: Frame) throws(Failure) -> Content {
        do throws(ProtocolError) {
            return try frame.message()
        } catch {
            throw Failure(code: ErrorNumber.invalid, step: .request, text: "read the request: \(error.description)")
        }
    }

    private func answer(_ caller: Caller, _ work: () throws(Failure) -> Void) throws(Failure) {
        try work()
        connection?.reply(Done(), to: caller)
    }

    // MARK: the guest

    private func setUp(_ setup: Setup, _ caller: Caller) throws(Failure) {
        var stopwatch = Stopwatch()
        try set(clock: setup.wallClock, entropy: setup.entropy)
        try check(Kernel.setHostName(setup.hostname), .clock, "set host name \(setup.hostname)")
        stopwatch.lap(.clock)
        try zones.set(setup.zones)
        stopwatch.lap(.zoneOnline)
        for image in setup.images where !images.contains(where: { $0.device == image.device }) {
            try mount(image)
            images.append(image)
        }
        stopwatch.lap(.image)
        isSetUp = true
        spareNetworks.provide(for: setup.mostContainers)
        connection?.reply(Done(timings: stopwatch.timings), to: caller)
    }

    private func settle(_ caller: Caller) throws(Failure) {
        // Clean pages, names and inodes: a template is smaller without them, and they come again where they are needed.
        try writeValue("3", to: "/proc/sys/vm/drop_caches", .request)
        spareNetworks.whenProvided { [self] in connection?.reply(Done(), to: caller) }
    }

    private func set(clock: UInt64, entropy: [UInt8]) throws(Failure) {
        if !entropy.isEmpty { try check(Kernel.addEntropy(entropy), .clock, "add entropy") }
        try check(Kernel.setWallClock(clock), .clock, "set the clock to \(clock) ns")
    }

    private func mount(_ image: ImageDescription) throws(Failure) {
        let folder = Folder.image(image.device)
        let made = Kernel.makeDirectory(folder)
        if made != -ErrorNumber.exists { try check(made, .image, "make \(folder)") }
        try check(
            Kernel.mount(
                "/dev/pmem\(image.device)", on: folder, type: "erofs", flags: MountFlag.readOnly | MountFlag.noDevices,
                data: "dax=always"),
            .image, "mount image /dev/pmem\(image.device)")
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
            // The tag is to name a folder, no more.
            guard !tag.utf8.contains(UInt8(ascii: "/")) else {
                throw Failure(code: ErrorNumber.invalid, step: .mounts, text: "use share \(tag): a tag has no /")
            }
            let folder = Folder.share(tag)
            let made = Kernel.makeDirectory(folder)
            if made != -ErrorNumber.exists { try check(made, .mounts, "make \(folder)") }
            try check(Kernel.mount(tag, on: folder, type: "virtiofs"), .mounts, "mount share \(tag)")
            shares.append(tag)
        }
    }

    private func powerOff() {
        for container in containers { try? container.group.kill() }
        // The answer should leave first; a host that does not read it cannot hold the end up.
        _ = loop.after(milliseconds: connection?.isFlushed == true ? 0 : 100) {
            Kernel.synchronize()
            if Kernel.powerOff() < 0 { Kernel.exit(0) }
        }
    }

    // MARK: zones

    func zone(_ node: UInt32) throws(Failure) -> Zone {
        guard let zone = zones[node] else {
            throw Failure(code: ErrorNumber.noEntry, step: .request, text: "find the zone of node \(node)")
        }
        return zone
    }

    private func online(_ request: OnlineZone, _ caller: Caller) throws(Failure) {
        let zone = try zone(request.node)
        var stopwatch = Stopwatch()
        zones.takeEvents()
        zone.whenOnline(bytes: request.sizeInBytes, timeout: request.timeout, loop: loop) { [self] failure in
            if let failure {
                connection?.reply(failure, to: caller)
            } else {
                stopwatch.lap(.zoneOnline)
                if let inhabitant = containers.first(where: { $0.number == zone.container }) {
                    inhabitant.group.zoneHasGrown(to: request.sizeInBytes)
                }
                connection?.reply(Done(timings: stopwatch.timings), to: caller)
            }
        }
    }

    private func offline(_ request: OfflineZone, _ caller: Caller) throws(Failure) {
        let zone = try zone(request.node)
        if let container = zone.container {
            let text = "take node \(request.node) offline, \(container.description) lives in it"
            throw Failure(code: ErrorNumber.busy, step: .zoneOffline, text: text)
        }
        try empty(zone, group: nil, timeout: request.timeout) { [self] result in
            switch result {
            case .success(let outcome): connection?.reply(outcome, to: caller)
            case .failure(let failure): connection?.reply(failure, to: caller)
            }
        }
    }

    // MARK: processes

    private func signal(_ request: SendSignal) throws(Failure) {
        let signal = Int32(truncatingIfNeeded: request.signal)
        let container = try container(request.container)
        guard request.all else {
            let process = try process(request.process, of: request.container)
            try check(
                Kernel.signal(process.descriptor, signal), .kill,
                "send signal \(signal) to \(request.process.description) of \(request.container.description)")
            return
        }
        if signal == 9 { return try container.group.kill() }
        for process in processIDs(of: container) { _ = Kernel.kill(Int32(process), signal) }
    }

    private func resize(_ request: ResizeTerminal) throws(Failure) {
        guard let terminal = try process(request.process, of: request.container).terminal else {
            let text = "resize the terminal of \(request.process.description): it has none"
            throw Failure(code: ErrorNumber.notTerminal, step: .terminal, text: text)
        }
        try check(Kernel.resizeTerminal(terminal.rawValue, request.size), .terminal, "resize the terminal")
    }

    func processIDs(of container: Container) -> [UInt32] {
        container.group.file("cgroup.procs").bytes.split(separator: 0x0A).map {
            UInt32(truncatingIfNeeded: TextFile.number(in: $0))
        }
    }
}
