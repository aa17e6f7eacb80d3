extension ProcessSetup {
    /// Standard streams become pipes, /dev/null, or a new terminal, whose master is for the agent. The terminal of a
    /// container's first process is its console too, in the root given.
    func connectStreams(_ setup: RootSetup?, in root: ContainerRoot) throws(Failure) -> Descriptor? {
        if let size = process.terminal { return try openTerminal(size, setup, in: root) }
        // The container's own null device, not one of the agent's that would lead out of its root.
        var null: Descriptor?
        if streams.input == nil || streams.output == nil || streams.error == nil {
            null = try root.openDevice("/dev/null", ContainerRoot.null, OpenFlag.readWrite, .streams)
        }
        var target: Int32 = 0
        for end in [streams.input, streams.output, streams.error] {
            guard let source = end ?? null else { continue }
            // So that the user of the process can open /dev/stdout.
            if end != nil {
                _ = Kernel.changeOwner(
                    source.rawValue, user: mappings.user(process.userID), group: mappings.group(process.groupID))
            }
            try check(Kernel.duplicate(source.rawValue, onto: target), .streams, "set standard stream \(target)")
            target += 1
        }
        return nil
    }

    private func openTerminal(
        _ size: WindowSize, _ setup: RootSetup?, in root: ContainerRoot
    ) throws(Failure) -> Descriptor {
        let multiplexer = DeviceNumber(major: 5, minor: 2)
        let flags = OpenFlag.readWrite | OpenFlag.noTerminal
        let master = try root.openDevice("/dev/pts/ptmx", multiplexer, flags, .terminal)
        let other = Kernel.openTerminal(of: master.rawValue)
        let slave = Descriptor(taking: try check(other, .terminal, "open a terminal of /dev/pts"))
        try check(Kernel.resizeTerminal(master.rawValue, size), .terminal, "set the terminal's size")
        let unchanged = UInt32.max
        try check(
            Kernel.changeOwner(slave.rawValue, user: mappings.user(process.userID), group: unchanged), .terminal,
            "give the terminal to user \(process.userID)")
        try setup?.mountConsole(slave, in: root)
        for target in Int32(0)...2 {
            try check(Kernel.duplicate(slave.rawValue, onto: target), .terminal, "set standard stream \(target)")
        }
        try check(Kernel.controlTerminal(0), .terminal, "make the terminal the controlling one")
        return master
    }
}
