public import AgentProtocol

/// What a VM answers.
public enum ControlReply: ControlMessage, Equatable {
    case done
    /// Nothing was changed, or all was undone. One line for a person.
    case refused(Refusal)
    /// A container has its zone, which is being plugged.
    case accepted(container: String, zone: UInt32)
    /// A process runs.
    case started(Started)
    /// So much of the container's zone is plugged from now on; sent for a zone that grows, to a client that asked for it.
    case zoneResized(sizeInBytes: UInt64)
    /// A process has ended, and what it printed was handed on.
    case exited(ExitRecord)
    /// The answer to `ControlRequest.describe`.
    case description(VirtualMachineDescription)
    /// Where pages of a container lie.
    case placement(PagePlacement)
    /// What the guest measures of its memory nodes.
    case nodes(NodeMeasures)
    /// By zone, node 1 first.
    case zoneTimes([ZoneTimes])
    /// What the VM has counted, and how it is.
    case metrics(VirtualMachineMetrics)
    /// Ids in the guest's first process namespace.
    case processes([UInt32])
    /// The number by which containers name the image (`Tree.image`).
    case image(number: UInt32)
    /// The VM's process templates, in the order of their making.
    case processTemplates([ProcessTemplateReport])

    private var number: UInt8 {
        switch self {
        case .done: 1
        case .refused: 2
        case .accepted: 3
        case .started: 4
        case .exited: 5
        case .zoneResized: 9
        case .description: 6
        case .placement: 7
        case .nodes: 8
        case .zoneTimes: 60
        case .metrics: 61
        case .processes: 30
        case .processTemplates: 70
        case .image: 90
        }
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.integer(number)
        switch self {
        case .done: break
        case .refused(let refusal): refusal.encode(into: &encoder)
        case .accepted(let container, let zone):
            encoder.name(container)
            encoder.integer(zone)
        case .started(let started): started.encode(into: &encoder)
        case .exited(let record): record.encode(into: &encoder)
        case .zoneResized(let sizeInBytes): encoder.integer(sizeInBytes)
        case .description(let description): description.encode(into: &encoder)
        case .placement(let placement): placement.encode(into: &encoder)
        case .nodes(let nodes): nodes.encode(into: &encoder)
        case .zoneTimes(let times): encoder.list(times, "zones", atMost: Limits.zones) { $1.encode(into: &$0) }
        case .metrics(let metrics): metrics.encode(into: &encoder)
        case .image(let number): encoder.integer(number)
        case .processes(let ids): ProcessList(processIDs: ids).encode(into: &encoder)
        case .processTemplates(let templates):
            encoder.list(templates, "process templates", atMost: ProcessTemplateReport.maxCount) {
                $1.encode(into: &$0)
            }
        }
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        let number: UInt8 = try decoder.integer()
        switch number {
        case 1: self = .done
        case 2: self = .refused(try Refusal(decoding: &decoder))
        case 3: self = .accepted(container: try decoder.name(), zone: try decoder.integer())
        case 4: self = .started(try Started(decoding: &decoder))
        case 5: self = .exited(try ExitRecord(decoding: &decoder))
        case 6: self = .description(try VirtualMachineDescription(decoding: &decoder))
        case 7: self = .placement(try PagePlacement(decoding: &decoder))
        case 8: self = .nodes(try NodeMeasures(decoding: &decoder))
        case 9: self = .zoneResized(sizeInBytes: try decoder.integer())
        case 60:
            self = .zoneTimes(
                try decoder.list("zones", atMost: Limits.zones) { d throws(ProtocolError) in try ZoneTimes(decoding: &d)
                })
        case 61: self = .metrics(try VirtualMachineMetrics(decoding: &decoder))
        case 90: self = .image(number: try decoder.integer())
        case 30: self = .processes(try ProcessList(decoding: &decoder).processIDs)
        case 70:
            self = .processTemplates(
                try decoder.list("process templates", atMost: ProcessTemplateReport.maxCount) {
                    d throws(ProtocolError) in try ProcessTemplateReport(decoding: &d)
                })
        default: throw .invalidValue(field: "control reply", value: UInt64(number))
        }
    }
}

/// Why a request was not done.
public struct Refusal: Error, Equatable, Sendable {
    /// What kind of refusal it is, by which callers decide what to do.
    public enum Reason: UInt8, Sendable {
        /// The request makes no sense: a bad name, a size that is no multiple of 128 MiB.
        case invalid = 1
        /// No zone of this size is free; another VM may have one.
        case full = 2
        /// No such container or process.
        case notFound = 3
        /// The container's id is taken.
        case exists = 4
        /// Not in this state: it has ended, the VM is stopping.
        case wrongState = 5
        /// The guest could not do it; `code` is its errno.
        case guestFailed = 6
        /// The VM's own fault.
        case failed = 7
        /// The container's program does not exist (`Failure.exitCode` 127); the container is gone.
        case programNotFound = 8
        /// The container's program cannot be run (`Failure.exitCode` 126); the container is gone.
        case programNotRunnable = 9
        /// The guest's agent has gone, and the VM with it.
        case lost = 10
        /// The guest's agent does not answer.
        case late = 11
        /// No process serves the VM's volumes: the client is to bring one (`ControlRequest.serveFiles`).
        case noFileServer = 12
    }

    /// What kind it is.
    public var reason: Reason
    /// A Linux errno where one is known, else 0.
    public var code: Int32
    /// What was refused, and why, for people.
    public var text: String

    public init(_ reason: Reason, code: Int32 = 0, _ text: String) {
        self.reason = reason
        self.code = code
        self.text = text
    }

    func encode(into encoder: inout MessageEncoder) {
        encoder.integer(reason.rawValue)
        encoder.integer(code)
        encoder.message(text, "refusal", atMost: ControlLimits.text)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        let value: UInt8 = try decoder.integer()
        guard let reason = Reason(rawValue: value) else { throw .invalidValue(field: "reason", value: UInt64(value)) }
        self.reason = reason
        code = try decoder.integer()
        text = try decoder.message("refusal", atMost: ControlLimits.text)
    }
}

/// A process that runs now, and where its start's time went.
public struct Started: Equatable, Sendable {
    /// Its id.
    public var container: String
    /// 0 is the container's first process; the others are `execute`'s.
    public var process: UInt32
    /// Its id in the guest.
    public var guestProcessID: UInt32
    /// From the request to the zone's plugging being announced, and to the agent's answer, in microseconds.
    public var plugMicroseconds: UInt64
    /// From the request until its program ran, in microseconds.
    public var totalMicroseconds: UInt64
    /// It began as a copy of a process template.
    public var isCopy: Bool
    /// The parts of the total, of a container's first process.
    public var stages: StartStages

    public init(
        container: String, process: UInt32, guestProcessID: UInt32, plugMicroseconds: UInt64,
        totalMicroseconds: UInt64, isCopy: Bool = false, stages: StartStages = StartStages()
    ) {
        self.container = container
        self.process = process
        self.guestProcessID = guestProcessID
        self.plugMicroseconds = plugMicroseconds
        self.totalMicroseconds = totalMicroseconds
        self.isCopy = isCopy
        self.stages = stages
    }

    func encode(into encoder: inout MessageEncoder) {
        encoder.name(container)
        encoder.integer(process)
        encoder.integer(guestProcessID)
        encoder.integer(plugMicroseconds)
        encoder.integer(totalMicroseconds)
        encoder.flag(isCopy)
        stages.encode(into: &encoder)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.name()
        process = try decoder.integer()
        guestProcessID = try decoder.integer()
        plugMicroseconds = try decoder.integer()
        totalMicroseconds = try decoder.integer()
        isCopy = try decoder.flag("copy")
        stages = try StartStages(decoding: &decoder)
    }
}

/// How a process ended. Also the form of a container's exit record file.
public struct ExitRecord: Equatable, Sendable {
    /// Why it ended, for people who do not know its limits; empty where its program ended by itself.
    public var cause: String { reason.isEmpty && outOfMemory ? "it needed more memory than it can have" : reason }

    /// Its id.
    public var container: String
    /// 0 for its first process, else the number of one that was executed in it.
    public var process: UInt32
    /// The exit code, or 128 + signal.
    public var code: UInt8
    /// It was killed because its zone was full.
    public var outOfMemory: Bool
    /// Host wall clock, nanoseconds since 1970 UTC.
    public var time: UInt64
    /// One line where the end was not the process's own doing; empty otherwise.
    public var reason: String

    public init(container: String, process: UInt32, code: UInt8, outOfMemory: Bool, time: UInt64, reason: String) {
        self.container = container
        self.process = process
        self.code = code
        self.outOfMemory = outOfMemory
        self.time = time
        self.reason = reason
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.name(container)
        encoder.integer(process)
        encoder.integer(code)
        encoder.flag(outOfMemory)
        encoder.integer(time)
        encoder.message(reason, "reason", atMost: ControlLimits.text)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.name()
        process = try decoder.integer()
        code = try decoder.integer()
        outOfMemory = try decoder.flag("out of memory")
        time = try decoder.integer()
        reason = try decoder.message("reason", atMost: ControlLimits.text)
    }
}
