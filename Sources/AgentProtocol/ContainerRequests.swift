/// Makes a container. Its first process is set up as far as it goes: everything but the program's execution, which
/// `start` or `StartContainer` lets happen; a program that cannot be found is reported here already.
public struct CreateContainer: Request, Equatable {
    public typealias Reply = ProcessStarted
    public static let type = MessageType.createContainer

    public var container: ContainerNumber
    /// The NUMA node of its zone; 0: no zone, for a pod's pause.
    public var node: UInt32
    /// The bytes of the zone that are plugged. The agent first waits until they are online, at most
    /// `zoneTimeout` milliseconds: send this right after plugging, there is no need to wait for `OnlineZone`.
    public var zoneBytes: UInt64
    public var zoneTimeout: UInt32
    /// Executes the program in the same round trip.
    public var start: Bool
    /// How its first process comes to run its program.
    public var origin: ProcessOrigin
    public var specification: ContainerSpecification

    public init(
        container: ContainerNumber, node: UInt32, zoneBytes: UInt64, zoneTimeout: UInt32 = 5000, start: Bool,
        origin: ProcessOrigin = .program, specification: ContainerSpecification
    ) {
        self.container = container
        self.node = node
        self.zoneBytes = zoneBytes
        self.zoneTimeout = zoneTimeout
        self.start = start
        self.origin = origin
        self.specification = specification
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.container(container)
        encoder.integer(node)
        encoder.integer(zoneBytes)
        encoder.integer(zoneTimeout)
        encoder.flag(start)
        origin.encode(into: &encoder)
        specification.encode(into: &encoder)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.container()
        node = try decoder.integer()
        zoneBytes = try decoder.integer()
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

    public var container: ContainerNumber

    public init(container: ContainerNumber) { self.container = container }
    public func encode(into encoder: inout MessageEncoder) { encoder.container(container) }
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) { container = try decoder.container() }
}

/// Another process in a running container.
public struct Execute: Request, Equatable {
    public typealias Reply = ProcessStarted
    public static let type = MessageType.execute

    public var container: ContainerNumber
    /// From 1, not one that lives.
    public var process: ProcessNumber
    public var specification: ProcessSpecification

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
    /// Monotonic guest time at which the agent had the request, and at which it sent this, in nanoseconds.
    public var receivedAt: UInt64
    public var finishedAt: UInt64
    /// Why it is no copy of the template that was named, but was started plainly; empty for what is as it was asked for.
    public var refusal: String
    public var timings: [StepTiming]

    public init(
        processID: UInt32, receivedAt: UInt64, finishedAt: UInt64, refusal: String = "", timings: [StepTiming]
    ) {
        self.processID = processID
        self.receivedAt = receivedAt
        self.finishedAt = finishedAt
        self.refusal = refusal
        self.timings = timings
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.integer(processID)
        encoder.integer(receivedAt)
        encoder.integer(finishedAt)
        encoder.message(refusal, "refusal", atMost: Limits.text)
        encoder.timings(timings)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        processID = try decoder.integer()
        receivedAt = try decoder.integer()
        finishedAt = try decoder.integer()
        refusal = try decoder.message("refusal", atMost: Limits.text)
        timings = try decoder.timings()
    }
}

/// Kills what is left of a container, waits for its end, removes it, and takes its zone offline.
public struct DeleteContainer: Request, Equatable {
    public typealias Reply = ContainerDeleted
    public static let type = MessageType.deleteContainer

    public var container: ContainerNumber
    /// Whether its zone goes offline too, so that it can be unplugged.
    public var offlineZone: Bool
    /// For the whole, in milliseconds.
    public var timeout: UInt32

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
    public var timings: [StepTiming]

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
