// AgentProtocol: the messages between the host (czone-vm) and the guest's agent. The same sources are compiled into
// both: Swift without Foundation, and Embedded Swift.
//
// Framing. One stream connection, which the agent opens to `Limits.controlPort` and opens again whenever it breaks.
// Each way it is a sequence of frames (`Frame`): 12 bytes of header, then a payload of at most `Limits.payload` bytes,
// of the host's frames `Limits.requestPayload`.
// All integers are little-endian; a text is UTF-8 without zero bytes; lists, texts and byte strings begin with a 32-bit
// count, what may be missing with a flag.
//
// Direction. The agent's first frame on a connection is `Hello`, once. Then the host sends requests, each with a number
// of its own, and the agent answers each exactly once, in any order: with the request's `Reply`, or with `Failure`.
// Events (`Exited`, `OutOfMemory`, `ZoneChanged`, `TemplateReached`, `MemoryWanted`, `MemoryReturned`) come from the
// agent at any time, with number 0. An answer whose connection has broken is dropped.
//
// Bounds. Every count is checked against `Limits` and against what is there before anything is allocated, on both
// sides: the guest is hostile to the host, and a mistake of the host's must not end PID 1. What exceeds its bound, or
// stands for nothing, is a `ProtocolError`: in a frame's header it ends the connection, in a payload only the message.
// Every request is answered in time: those with a `timeout` within that and three seconds, a process's start within
// 22 s (a container's after its `zoneTimeout`), measures and reclaim within 32 s, a pause and `Settle` within 10 s, the
// others at once (`WaitLimit` in Sources/Agent).

/// Something that travels in a frame.
public protocol Message: Sendable {
    /// The frame's type field.
    static var type: MessageType { get }
    /// Appends the payload, field by field; what is over a limit shows in the encoder's `violation`.
    func encode(into encoder: inout MessageEncoder)
    /// Takes the payload apart, all but its end; every length and value is checked, as the other side may be hostile.
    /// Throws what it did wrong.
    init(decoding decoder: inout MessageDecoder) throws(ProtocolError)
}

/// A message of the host that the agent answers exactly once, with a `Reply` or a `Failure`.
public protocol Request: Message {
    /// The answer when it was done.
    associatedtype Reply: Message
}

/// The type field of a frame. Requests are below 0x100, replies have 0x8000 set, Hello and events 0x4000. A number that
/// a message once had is not given to another.
public enum MessageType: UInt16, Sendable {
    /// Whether it is the host that sends it.
    var isRequest: Bool { rawValue < 0x100 }

    // The guest.
    /// ``Setup``.
    case setup = 0x01
    /// ``Renew``.
    case renew = 0x02
    /// ``PowerOff``.
    case powerOff = 0x03
    /// ``MeasureNodes``.
    case measureNodes = 0x04
    /// ``Settle``.
    case settle = 0x05
    /// ``ReadClock``.
    case readClock = 0x08
    /// ``AdjustClock``.
    case adjustClock = 0x09

    /// ``BringImage``.
    case bringImage = 0x06
    /// ``ReleaseImage``.
    case releaseImage = 0x07

    // Zones.
    /// ``OnlineZone``.
    case onlineZone = 0x10
    /// ``OfflineZone``.
    case offlineZone = 0x11
    /// ``GrowthEnded``.
    case growthEnded = 0x12

    // Containers.
    /// ``CreateContainer``.
    case createContainer = 0x20
    /// ``StartContainer``.
    case startContainer = 0x21
    /// ``DeleteContainer``.
    case deleteContainer = 0x22
    /// ``PauseContainer``.
    case pauseContainer = 0x24
    /// ``ResumeContainer``.
    case resumeContainer = 0x25
    /// ``UpdateResources``.
    case updateResources = 0x26
    /// ``Reclaim``.
    case reclaim = 0x27
    /// ``MeasureContainers``.
    case measureContainers = 0x29
    /// ``MeasurePlacement``.
    case measurePlacement = 0x2A

    // Processes.
    /// ``Execute``.
    case execute = 0x30
    /// ``SendSignal``.
    case signal = 0x31
    /// ``ResizeTerminal``.
    case resizeTerminal = 0x32
    /// ``ListProcesses``.
    case listProcesses = 0x34

    // Streams.
    /// ``RelayConnection``.
    case relayConnection = 0x40

    // Hello and events.
    /// ``Hello``.
    case hello = 0x4000
    /// ``Exited``.
    case exited = 0x4001
    /// ``OutOfMemory``.
    case outOfMemory = 0x4002
    /// ``ZoneChanged``.
    case zoneChanged = 0x4003
    /// ``TemplateReached``.
    case templateReached = 0x4004
    /// ``MemoryWanted``.
    case memoryWanted = 0x4005
    /// ``MemoryReturned``.
    case memoryReturned = 0x4006

    // Replies.
    /// ``Done``.
    case done = 0x8000
    /// ``Failure``.
    case failure = 0x8001
    /// ``ProcessStarted``.
    case processStarted = 0x8002
    /// ``ContainerDeleted``.
    case containerDeleted = 0x8003
    /// ``ZoneOffline``.
    case zoneOffline = 0x8004
    /// ``ContainerMeasures``.
    case containerMeasures = 0x8007
    /// ``ProcessList``.
    case processList = 0x8008
    /// ``PagePlacement``.
    case pagePlacement = 0x8009
    /// ``NodeMeasures``.
    case nodeMeasures = 0x800A
    /// ``Reclaimed``.
    case reclaimed = 0x800B
    /// ``ClockReading``.
    case clockReading = 0x800C
}

/// A container of this VM. The host chooses the number, from 1, and never gives it twice in a VM's life, so a late
/// answer or event cannot be taken for another container's.
public struct ContainerNumber: Hashable, Sendable, CustomStringConvertible {
    /// From 1.
    public let rawValue: UInt32
    /// Takes any value; the host gives each once.
    public init(_ rawValue: UInt32) { self.rawValue = rawValue }
    /// "container 3".
    public var description: String { "container \(rawValue)" }
}

/// A process that the host asked for: 0 is the container's own (its PID 1), the others are `Execute`'s, numbered by the
/// host from 1 in each container.
public struct ProcessNumber: Hashable, Sendable, CustomStringConvertible {
    /// 0: the container's own.
    public let rawValue: UInt32
    /// Takes any value.
    public init(_ rawValue: UInt32) { self.rawValue = rawValue }
    /// The container's own.
    public static let initial = ProcessNumber(0)
    /// "process 0".
    public var description: String { "process \(rawValue)" }
}

extension MessageEncoder {
    mutating func container(_ number: ContainerNumber) { integer(number.rawValue) }
    mutating func process(_ number: ProcessNumber) { integer(number.rawValue) }
}

extension MessageDecoder {
    mutating func container() throws(ProtocolError) -> ContainerNumber { ContainerNumber(try integer()) }
    mutating func process() throws(ProtocolError) -> ProcessNumber { ProcessNumber(try integer()) }
}
