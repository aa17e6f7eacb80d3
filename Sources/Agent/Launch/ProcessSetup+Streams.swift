extension ProcessSetup {
    /// Standard streams become pipes, /dev/null, or a new terminal, whose master is for the agent. The terminal of a
    /// container's first process is its console too, in the root given.
    func connectStreams(_ root: RootSetup?) throws(Failure) -> Descriptor? {
        if let size = process.terminal { return try openTerminal(size, root) }
        // The container's own null device, not one of the agent's that would lead out of its root.
        var null: Descriptor?
        if streams.input == nil || streams.output == nil || streams.error == nil {
            let device = Kernel.open("/dev/null", OpenFlag.readWrite)
            null = Descriptor(taking: try check(device, .streams, "open /dev/null in the container"))
        }
        var target: Int32 = 0
        for end in [streams.input, streams.output, streams.error] {
            guard let source = end ?? null else { continue }
            // So that the user of the process can open /dev/stdout.
            if end != nil { _ = Kernel.changeOwner(source.rawValue, user: process.userID, group: process.groupID) }
            try check(Kernel.duplicate(source.rawValue, onto: target), .streams, "set standard stream \(target)")
            target += 1
        }
        return nil
    }

    private func openTerminal(_ size: WindowSize, _ root: RootSetup?) throws(Failure) -> Descriptor {
        let (master, slave) = try Kernel.openTerminal()
        try check(Kernel.resizeTerminal(master.rawValue, size), .terminal, "set the terminal's size")
        let unchanged = UInt32.max
        try check(
            Kernel.changeOwner(slave.rawValue, user: process.userID, group: unchanged), .terminal,
            "give the terminal to user \(process.userID)")
        try root?.mountConsole(slave)
        for target in Int32(0)...2 {
            try check(Kernel.duplicate(slave.rawValue, onto: target), .terminal, "set standard stream \(target)")
        }
        try check(Kernel.controlTerminal(0), .terminal, "make the terminal the controlling one")
        return master
    }
}
