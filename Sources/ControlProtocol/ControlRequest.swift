public import AgentProtocol

/// What a client asks of a VM. Every request is answered at least once; which answers follow stands at each case.
public enum ControlRequest: ControlMessage, Equatable {
    /// → `description`. With `measured`, the agent is asked for each container's use of resources too.
    case describe(measured: Bool)
    /// Plugs a zone and runs a container in it. → `accepted` once it has a zone, `started`, later `exited`; or
    /// `refused` instead of any of them. Descriptors: see `RunRequest`.
    case run(RunRequest)
    /// Another process in a running container. → `started`, later `exited`; or `refused`.
    case execute(ExecuteRequest)
    /// → `done` or `refused`.
    case signal(container: String, process: UInt32, signal: UInt32, all: Bool)
    /// → `done` or `refused`.
    case resizeTerminal(container: String, process: UInt32, rows: UInt16, columns: UInt16)
    /// Freezes, or lets go on. → `done` or `refused`.
    case pause(container: String, paused: Bool)
    /// Changes those limits that are not nil. → `done` or `refused`.
    case update(container: String, limits: ResourceLimits)
    /// Kills a container that runs and waits until its zone is gone. → `done` or `refused`.
    case remove(container: String)
    /// Where a container's pages lie. → `placement` or `refused`.
    case placement(container: String)
    /// The guest's memory by node. → `nodes` or `refused`.
    case nodes
    /// How long the zones' last comings and goings took. → `zoneTimes`.
    case zoneTimes
    /// What it has counted, and how it is. → `metrics`, at once: the guest is not asked.
    case metrics
    /// Powers the VM off, ending what runs in it. → `done` when it has begun to.
    case stop
    /// Volumes for a container that comes next. → `done` or `refused`: with `noFileServer`, `serveFiles` is to come first.
    case attach(AttachRequest)
    /// A process serves the VM's volumes from now on, whose connections come as descriptors, `fileServerConnections` of
    /// them. → `done`, also where one does so already: then these are closed.
    case serveFiles
    /// Plugs a zone and makes a container whose program does not run yet. → `accepted` once it has a zone, `done` when
    /// it is made, later `exited`; or `refused` instead of any of them.
    case create(CreateRequest)
    /// Executes the program of a container that was made. → `started` or `refused`.
    case start(container: String)
    /// The ids of a container's processes in the guest. → `processes` or `refused`.
    case processes(container: String)
    /// Gives a running container's zone more memory or less, in bytes, a multiple of 128 MiB. → `done` or `refused`.
    case resizeZone(container: String, sizeInBytes: UInt64)
    /// → `processTemplates`.
    case processTemplates
    /// Ends a process template, by its number; the next container that it would serve has another made. → `done` or
    /// `refused`.
    case removeProcessTemplate(number: UInt32)

    /// Has the guest mount an image, whose EROFS file travels along, for containers that come next. → `image`, or `refused`:
    /// `full` where the VM has no place for it.
    case bringImage(digest: String)

    /// Carries a connection between a port of a container's loopback and the socket that travels along. → `done` once
    /// something in the container has taken it, or is waited for, or `refused`.
    case relay(RelayRequest)

    /// The VM's threads that ask a process which serves files.
    public static let fileThreads = 2
    /// The connections to such a process: one for each thread that asks, and one for signs of life.
    public static let fileServerConnections = fileThreads + 1

    private var number: UInt8 {
        switch self {
        case .describe: 1
        case .run: 2
        case .execute: 3
        case .signal: 4
        case .resizeTerminal: 5
        case .pause: 7
        case .update: 34
        case .remove: 9
        case .placement: 10
        case .nodes: 11
        case .stop: 12
        case .attach: 50
        case .serveFiles: 51
        case .metrics: 61
        case .zoneTimes: 60
        case .create: 30
        case .start: 31
        case .processes: 32
        case .resizeZone: 33
        case .processTemplates: 70
        case .removeProcessTemplate: 71
        case .relay: 80
        case .bringImage: 90
        }
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.integer(number)
        switch self {
        case .describe(let measured): encoder.flag(measured)
        case .run(let request): request.encode(into: &encoder)
        case .execute(let request): request.encode(into: &encoder)
        case .signal(let container, let process, let signal, let all):
            encoder.name(container)
            encoder.integer(process)
            encoder.integer(signal)
            encoder.flag(all)
        case .resizeTerminal(let container, let process, let rows, let columns):
            encoder.name(container)
            encoder.integer(process)
            encoder.integer(rows)
            encoder.integer(columns)
        case .pause(let container, let paused):
            encoder.name(container)
            encoder.flag(paused)
        case .update(let container, let limits):
            encoder.name(container)
            limits.encode(into: &encoder)
        case .remove(let container), .placement(let container): encoder.name(container)
        case .attach(let request): request.encode(into: &encoder)
        case .nodes, .zoneTimes, .metrics, .processTemplates, .serveFiles, .stop: break
        case .removeProcessTemplate(let number): encoder.integer(number)
        case .bringImage(let digest): encoder.name(digest)
        case .create(let request): request.encode(into: &encoder)
        case .relay(let request): request.encode(into: &encoder)
        case .start(let container), .processes(let container): encoder.name(container)
        case .resizeZone(let container, let sizeInBytes):
            encoder.name(container)
            encoder.integer(sizeInBytes)
        }
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        let number: UInt8 = try decoder.integer()
        switch number {
        case 1: self = .describe(measured: try decoder.flag("measured"))
        case 2: self = .run(try RunRequest(decoding: &decoder))
        case 3: self = .execute(try ExecuteRequest(decoding: &decoder))
        case 4:
            self = .signal(
                container: try decoder.name(), process: try decoder.integer(), signal: try decoder.integer(),
                all: try decoder.flag("all"))
        case 5:
            self = .resizeTerminal(
                container: try decoder.name(), process: try decoder.integer(), rows: try decoder.integer(),
                columns: try decoder.integer())
        case 7: self = .pause(container: try decoder.name(), paused: try decoder.flag("paused"))
        case 9: self = .remove(container: try decoder.name())
        case 10: self = .placement(container: try decoder.name())
        case 11: self = .nodes
        case 12: self = .stop
        case 50: self = .attach(try AttachRequest(decoding: &decoder))
        case 51: self = .serveFiles
        case 60: self = .zoneTimes
        case 61: self = .metrics
        case 30: self = .create(try CreateRequest(decoding: &decoder))
        case 31: self = .start(container: try decoder.name())
        case 32: self = .processes(container: try decoder.name())
        case 33: self = .resizeZone(container: try decoder.name(), sizeInBytes: try decoder.integer())
        case 34: self = .update(container: try decoder.name(), limits: try ResourceLimits(decoding: &decoder))
        case 70: self = .processTemplates
        case 80: self = .relay(try RelayRequest(decoding: &decoder))
        case 71: self = .removeProcessTemplate(number: try decoder.integer())
        case 90: self = .bringImage(digest: try decoder.name())
        default: throw .invalidValue(field: "control request", value: UInt64(number))
        }
    }
}

extension MessageEncoder {
    mutating func name(_ name: String) { text(name, "name", atMost: ControlLimits.name) }
}

extension MessageDecoder {
    mutating func name() throws(ProtocolError) -> String { try text("name", atMost: ControlLimits.name) }
}
