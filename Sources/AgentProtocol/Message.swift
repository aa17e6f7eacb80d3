/// Something that travels in a frame.
public protocol Message: Sendable {
    /// The type field of its frames.
    static var type: MessageType { get }
    /// Appends the payload, field by field, as `init(decoding:)` takes it apart.
    func encode(into encoder: inout MessageEncoder)
    /// Takes the payload apart; every length and value is checked, as the other side may be hostile.
    init(decoding decoder: inout MessageDecoder) throws(ProtocolError)
}

/// A message of the host that the agent answers exactly once, with a `Reply` or a `Failure`.
public protocol Request: Message {
    /// What it is answered with where it succeeds.
    associatedtype Reply: Message
}

/// The type field of a frame. Requests are below 0x100, replies have 0x8000 set, Hello and events 0x4000.
public enum MessageType: UInt16, Sendable {
    case setup = 0x01
    case renew = 0x02
    case powerOff = 0x03
    case measureNodes = 0x04
    case settle = 0x05

    case onlineZone = 0x10
    case offlineZone = 0x11

    case createContainer = 0x20
    case startContainer = 0x21
    case deleteContainer = 0x22
    case listContainers = 0x23
    case pauseContainer = 0x24
    case resumeContainer = 0x25
    case updateResources = 0x26
    case reclaim = 0x27
    case measureContainer = 0x28
    case measureContainers = 0x29
    case measurePlacement = 0x2A

    case execute = 0x30
    case signal = 0x31
    case resizeTerminal = 0x32
    case closeInput = 0x33
    case listProcesses = 0x34

    case hello = 0x4000
    case exited = 0x4001
    case outOfMemory = 0x4002
    case zoneChanged = 0x4003
    case templateReached = 0x4004

    case done = 0x8000
    case failure = 0x8001
    case processStarted = 0x8002
    case containerDeleted = 0x8003
    case zoneOffline = 0x8004
    case containerList = 0x8005
    case containerMeasure = 0x8006
    case containerMeasures = 0x8007
    case processList = 0x8008
    case pagePlacement = 0x8009
    case nodeMeasures = 0x800A
    case reclaimed = 0x800B
}

/// A container of this VM. The host chooses the number, from 1, and never gives it twice in a VM's life, so a late
/// answer or event cannot be taken for another container's.
public struct ContainerNumber: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt32
    public init(_ rawValue: UInt32) { self.rawValue = rawValue }
    public var description: String { "container \(rawValue)" }
}

/// A process that the host asked for: 0 is the container's own (its PID 1), the others are `Execute`'s, numbered by the
/// host from 1 in each container.
public struct ProcessNumber: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt32
    public init(_ rawValue: UInt32) { self.rawValue = rawValue }
    public static let initial = ProcessNumber(0)
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
