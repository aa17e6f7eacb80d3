/// What a new process is to become, besides its specification.
struct LaunchPlan {
    enum Place {
        /// The first process of a new container.
        case container(ContainerSpecification, node: UInt32, zoneBytes: UInt64)
        /// One more in a container: the descriptor of its first process.
        case existing(Descriptor)
    }

    enum UserNamespaceChoice {
        case none
        /// A new one, to which namespaces of these kinds belong.
        case new(UserMappings, kinds: UInt64)
        /// That of a process, by its number in the agent's process namespace.
        case existing(UserMappings, process: Int32)
    }

    let place: Place
    let process: ProcessSpecification
    /// First processes of other containers, with the namespaces to join of each (CLONE_NEW… flags), or a namespace.
    var joins: [(namespaces: Descriptor, kinds: UInt64)] = []
    /// Whether the network namespace to join is a new one whose loopback interface is up.
    var hasLoopback = false
    /// Namespaces that the process is cloned into.
    var newNamespaces: UInt64 = 0
    /// Namespaces that the child makes itself: of the network, which would keep the agent waiting, and of control
    /// groups, whose root would be the agent's group.
    var lateNamespaces: UInt64 = 0
    /// The user namespace, where the process is to have one.
    var userNamespace = UserNamespaceChoice.none
    /// The process in whose process namespace the new one is cloned, unless that is new or the agent's.
    var processNamespace: Descriptor?
    let executesAtOnce: Bool
    /// What the process becomes a copy of, instead of executing its program.
    var template: ProcessTemplate?
    /// Whether it ends as soon as it is such a copy.
    var isTrial = false
    /// Why it does not, though it was asked for.
    var refusal = ""
    /// Whether its writable layer is kept for copies of it.
    var isTemplate = false

    init(place: Place, process: ProcessSpecification, executesAtOnce: Bool) {
        self.place = place
        self.process = process
        self.executesAtOnce = executesAtOnce
    }
}

extension LaunchPlan {
    /// The first process of a new container: finds the namespaces to make and to join.
    init(
        creating request: CreateContainer, containers: GuestContainers, networks: NetworkNamespacePool
    ) throws(Failure) {
        let specification = request.specification
        let namespaces = specification.namespaces
        self.init(
            place: .container(
                specification, node: request.node, zoneBytes: max(request.zoneBytes, request.maxZoneBytes)),
            process: specification.process, executesAtOnce: request.start)
        newNamespaces = NamespaceFlag.mount
        switch namespaces.process {
        case .new: newNamespaces |= NamespaceFlag.process
        case .guest: break
        case .container(let number): processNamespace = try containers.initialProcess(of: number).descriptor
        }
        switch namespaces.network {
        case .new where specification.userMappings.isEmpty: useNewNetwork(networks)
        case .new: break
        case .guest: break
        case .container(let number): try join(number, NamespaceFlag.network, containers)
        }
        for (choice, kind) in [
            (namespaces.ipc, NamespaceFlag.ipc), (namespaces.hostName, NamespaceFlag.hostName),
        ] {
            switch choice {
            case .new: newNamespaces |= kind
            case .guest: break
            case .container(let number): try join(number, kind, containers)
            }
        }
        switch namespaces.controlGroup {
        case .new: lateNamespaces |= NamespaceFlag.controlGroup
        case .guest: break
        case .container(let number): try join(number, NamespaceFlag.controlGroup, containers)
        }
        try LaunchPlan.checkOwnership(specification)
        try chooseUserNamespace(specification, request.container, containers)
    }

    /// With a user namespace of its own, what is to belong to that is not made before it.
    private mutating func chooseUserNamespace(
        _ specification: ContainerSpecification, _ number: ContainerNumber, _ containers: GuestContainers
    ) throws(Failure) {
        let mappings = specification.userMappings.chosen(for: number)
        guard !mappings.isEmpty else { return }
        if case .container(let other) = specification.namespaces.network {
            return userNamespace = .existing(mappings, process: try containers.initialProcess(of: other).id)
        }
        let kinds = (NamespaceFlag.ipc | NamespaceFlag.hostName) & newNamespaces
        newNamespaces &= ~kinds
        let network = specification.namespaces.network == .new ? NamespaceFlag.network : 0
        userNamespace = .new(mappings, kinds: kinds | network)
    }

    /// Names and interfaces are set only in the container's own namespaces.
    private static func checkOwnership(_ specification: ContainerSpecification) throws(Failure) {
        let namespaces = specification.namespaces
        if namespaces.hostName != .new && !specification.hostname.utf8.isEmpty {
            let text = "set host name \(specification.hostname) in a namespace that is not the container's own"
            throw Failure(code: ErrorNumber.invalid, step: .request, text: text)
        }
        if namespaces.network != .new && !specification.interfaces.isEmpty {
            let text = "make network interfaces in a namespace that is not the container's own"
            throw Failure(code: ErrorNumber.invalid, step: .request, text: text)
        }
    }

    private mutating func useNewNetwork(_ networks: NetworkNamespacePool) {
        if let ready = networks.take() {
            joins.append((ready, NamespaceFlag.network))
            hasLoopback = true
        } else {
            lateNamespaces |= NamespaceFlag.network
        }
    }

    /// All namespaces of one container are joined in one call.
    private mutating func join(
        _ number: ContainerNumber, _ kind: UInt64, _ containers: GuestContainers
    ) throws(Failure) {
        let descriptor = try containers.initialProcess(of: number).descriptor
        if let index = joins.firstIndex(where: { $0.namespaces === descriptor }) {
            joins[index].kinds |= kind
        } else {
            joins.append((descriptor, kind))
        }
    }
}
