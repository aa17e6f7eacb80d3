extension ProcessSetup {
    /// The namespaces of a new container, and the interfaces in its network. The trunk is reached before another
    /// network is joined.
    mutating func enterNamespaces(of specification: ContainerSpecification) throws(Failure) {
        let interfaces = try InterfaceSetup(specification.interfaces)
        switch plan.userNamespace {
        case .none: break
        case .new(let mappings, let kinds): use(try UserNamespace(making: kinds, mappings))
        case .existing(let mappings, let process): use(try UserNamespace(of: process, mappings))
        }
        for join in plan.joins {
            try check(
                Kernel.enterNamespaces(join.namespaces.rawValue, join.kinds), .namespaces,
                "join other namespaces")
        }
        if plan.lateNamespaces != 0 {
            try check(Kernel.unshare(plan.lateNamespaces), .namespaces, "make namespaces")
        }
        timer.lap(.namespaces)
        defer { closeInherited() }
        guard let interfaces else { return }
        try interfaces.make()
        timer.lap(.network)
    }

    /// All namespaces of a container that runs; its process namespace the process was cloned into.
    mutating func joinContainer(_ first: Descriptor) throws(Failure) {
        let all =
            NamespaceFlag.mount | NamespaceFlag.network | NamespaceFlag.ipc | NamespaceFlag.hostName
            | NamespaceFlag.controlGroup
        if case .existing(let mappings, let process) = plan.userNamespace {
            use(try UserNamespace(of: process, mappings))
        }
        try check(Kernel.enterNamespaces(first.rawValue, all), .namespaces, "join the container's namespaces")
        closeInherited()
        timer.lap(.namespaces)
    }

    /// Of what the agent had open, the process keeps its own streams, the channel and what its template needs: others of
    /// its process namespace may see it.
    private func closeInherited() {
        let own = [streams.input, streams.output, streams.error].map { $0?.rawValue ?? -1 }
        Kernel.closeAll(
            but: ([0, 1, 2, channel.rawValue, userNamespaceDescriptor] + own + (plan.template?.ownDescriptors ?? []))
                .sorted())
    }

    mutating func setSystemControls(of specification: ContainerSpecification) throws(Failure) {
        for control in specification.systemControls { try set(control) }
        if !specification.systemControls.isEmpty { timer.lap(.sysctls) }
    }

    /// Through the agent's /proc: what a namespace holds is looked up in the namespaces of the caller.
    private func set(_ control: SystemControl) throws(Failure) {
        var path = [UInt8]("/proc/sys/".utf8)
        for byte in control.name.utf8 { path.append(byte == UInt8(ascii: ".") ? UInt8(ascii: "/") : byte) }
        try writeValue(control.value, to: String(decoding: path, as: UTF8.self), .sysctls)
    }

    mutating func setNetworkAndNames(_ specification: ContainerSpecification) throws(Failure) {
        timer.restart()
        if specification.namespaces.network == .new && !plan.hasLoopback {
            try check(Kernel.raiseLoopback(), .network, "raise the loopback interface")
        }
        if !specification.hostname.utf8.isEmpty {
            try check(
                Kernel.setHostName(specification.hostname), .network, "set host name \(specification.hostname)")
        }
        if !specification.domainName.utf8.isEmpty {
            try check(
                Kernel.setDomainName(specification.domainName), .network,
                "set domain name \(specification.domainName)")
        }
        timer.lap(.network)
    }
}
