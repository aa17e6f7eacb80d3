/// Makes a container. Its first process is set up as far as it goes: everything but the program's execution, which
/// `start` or `StartContainer` lets happen; a program that cannot be found is reported here already.
public struct CreateContainer: Request, Equatable {
    public typealias Reply = ProcessStarted
    public static let type = MessageType.createContainer

    /// A number that no container of this guest had before; EEXIST for one that lives.
    public var container: ContainerNumber
    /// The NUMA node of its zone; 0: no zone, for a pod's pause.
    public var node: UInt32
    /// The bytes of the zone that are plugged. The agent first waits until they are online, at most
    /// `zoneTimeout` milliseconds: send this right after plugging, there is no need to wait for `OnlineZone`.
    public var zoneBytes: UInt64
    /// What the zone may grow to with what the container uses (`MemoryWanted`); at most `zoneBytes`: it does not.
    public var maxZoneBytes: UInt64
    /// In milliseconds; then the request fails with ETIMEDOUT in the step `zoneOnline`.
    public var zoneTimeout: UInt32
    /// Executes the program in the same round trip.
    public var start: Bool
    /// How its first process comes to run its program.
    public var origin: ProcessOrigin
    /// What to make.
    public var specification: ContainerSpecification

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(
        container: ContainerNumber, node: UInt32, zoneBytes: UInt64, maxZoneBytes: UInt64 = 0,
        zoneTimeout: UInt32 = 5000, start: Bool,
        origin: ProcessOrigin = .program, specification: ContainerSpecification
    ) {
        self.container = container
        self.node = node
        self.zoneBytes = zoneBytes
        self.maxZoneBytes = maxZoneBytes
        self.zoneTimeout = zoneTimeout
        self.start = start
        self.origin = origin
        self.specification = specification
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.container(container)
        encoder.integer(node)
        encoder.integer(zoneBytes)
        encoder.integer(maxZoneBytes)
        encoder.integer(zoneTimeout)
        encoder.flag(start)
        origin.encode(into: &encoder)
        specification.encode(into: &encoder)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.container()
        node = try decoder.integer()
        zoneBytes = try decoder.integer()
        maxZoneBytes = try decoder.integer()
        zoneTimeout = try decoder.integer()
        start = try decoder.flag("start")
        origin = try ProcessOrigin(decoding: &decoder)
        specification = try ContainerSpecification(decoding: &decoder)
    }
}

/// Executes the program of a container that was created without `start`.
public struct StartContainer: Request, Equatable {
    public typealias Reply = ProcessStarted
    public static let type = MessageType.startContainer

    /// One that was created without `start`, and not started since; EINVAL else.
    public var container: ContainerNumber

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(container: ContainerNumber) { self.container = container }
    public func encode(into encoder: inout MessageEncoder) { encoder.container(container) }
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) { container = try decoder.container() }
}

/// Another process in a running container.
public struct Execute: Request, Equatable {
    public typealias Reply = ProcessStarted
    public static let type = MessageType.execute

    /// One whose first process executes its program; EINVAL else.
    public var container: ContainerNumber
    /// From 1, not one that lives.
    public var process: ProcessNumber
    /// What to execute; its user, limits and terminal are its own.
    public var specification: ProcessSpecification

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(container: ContainerNumber, process: ProcessNumber, specification: ProcessSpecification) {
        self.container = container
        self.process = process
        self.specification = specification
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.container(container)
        encoder.process(process)
        specification.encode(into: &encoder)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.container()
        process = try decoder.process()
        specification = try ProcessSpecification(decoding: &decoder)
    }
}

/// A process is set up or runs.
public struct ProcessStarted: Message, Equatable {
    public static let type = MessageType.processStarted

    /// Its id in the guest's first process namespace.
    public var processID: UInt32
    /// Why it is no copy of the template that was named, but was started plainly; empty for what is as it was asked
    /// for.
    public var refusal: String
    /// From the arrival of the request on, in their order.
    public var timings: [StepTiming]

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(processID: UInt32, refusal: String = "", timings: [StepTiming]) {
        self.processID = processID
        self.refusal = refusal
        self.timings = timings
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.integer(processID)
        encoder.message(refusal, "refusal", atMost: Limits.text)
        encoder.timings(timings)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        processID = try decoder.integer()
        refusal = try decoder.message("refusal", atMost: Limits.text)
        timings = try decoder.timings()
    }
}

/// Kills what is left of a container, waits for its end, removes it, and takes its zone offline.
public struct DeleteContainer: Request, Equatable {
    public typealias Reply = ContainerDeleted
    public static let type = MessageType.deleteContainer

    /// One that was made; ENOENT else.
    public var container: ContainerNumber
    /// Whether its zone goes offline too, so that it can be unplugged.
    public var offlineZone: Bool
    /// For the whole, in milliseconds. After half of it streams that the host does not read are cut, and processes that
    /// do not die are given up: ETIMEDOUT in the step `reap`, and the host may try again.
    public var timeout: UInt32

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(container: ContainerNumber, offlineZone: Bool = true, timeout: UInt32 = 10_000) {
        self.container = container
        self.offlineZone = offlineZone
        self.timeout = timeout
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.container(container)
        encoder.flag(offlineZone)
        encoder.integer(timeout)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.container()
        offlineZone = try decoder.flag("offline zone")
        timeout = try decoder.integer()
    }
}

/// The container is gone. Its zone may be unplugged if `zone.isOffline`, else it is to be quarantined.
public struct ContainerDeleted: Message, Equatable {
    public static let type = MessageType.containerDeleted

    /// nil where there was no zone, or it was not to go offline.
    public var zone: ZoneOffline?
    /// The steps of its end, in their order, from the kill on.
    public var timings: [StepTiming]

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(zone: ZoneOffline?, timings: [StepTiming]) {
        self.zone = zone
        self.timings = timings
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.optional(zone) { $1.encode(into: &$0) }
        encoder.timings(timings)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        zone = try decoder.optional("zone") { d throws(ProtocolError) in try ZoneOffline(decoding: &d) }
        timings = try decoder.timings()
    }
}
