/// Something that a VM counts from its process's start on. Each has a number and a detail that last: VMs outlive the
/// programs that ask them.
public enum CountedEvent: Hashable, Sendable {
    /// A container's program runs.
    case start
    /// A container could not be made.
    case startFailure(Refusal.Reason)
    /// A container that ran has ended.
    case exit(ExitKind)
    /// The guest says that a container has reached its limit of memory.
    case outOfMemory
    /// A zone has been plugged, or has been returned to the host.
    case plug, unplug
    /// A container got no more memory: the host had none, or the guest did not take it.
    case deniedGrowth
    /// A zone is never used again.
    case quarantine(QuarantineKind)
    /// The guest broke a protocol: of a device, whose driver then has to reset it, or of the agent.
    case violation(GuestPart)
    /// A client's request was refused.
    case refusal(Refusal.Reason)
    /// A client sent a malformed request; its connection was closed.
    case malformedRequest
    /// Lines that the log's limit has kept back.
    case suppressedLine
    /// Of all interfaces, as the guest sees it.
    case frame(Direction)
    /// Bytes of Ethernet frames.
    case frameByte(Direction)
    /// A frame that went nowhere.
    case lostFrame(FrameLoss)
    /// The guest's requests for files of volumes, and those of them that were none.
    case fileRequest, malformedFileRequest

    /// How a container ended.
    public enum ExitKind: UInt8, CaseIterable, Sendable {
        /// By itself with code 0, or another.
        case completed = 1
        case failed = 2
        /// By a signal, from in or outside of it.
        case signalled = 3
        case outOfMemory = 4
        /// Removed, its client gone, or lost with its guest.
        case ended = 5
    }

    /// Why a zone is never used again (`QuarantineReason` of Zones).
    public enum QuarantineKind: UInt8, CaseIterable, Sendable {
        /// Pages of an ended container stay in it.
        case notEmpty = 1
        /// The guest does not answer.
        case timeout = 2
        /// The agent and the device disagree.
        case inconsistent = 3
        /// The host could not change its memory.
        case hostFailure = 4
    }

    /// What of a guest the host talks to.
    public enum GuestPart: UInt8, CaseIterable, Sendable {
        case network = 1
        case entropy = 4
        case balloon = 5
        case vsock = 19
        case memory = 24
        case fileSystem = 26
        case persistentMemory = 27
        case agent = 100
    }

    /// As the guest sees it.
    public enum Direction: UInt8, CaseIterable, Sendable {
        /// To the guest.
        case received = 1
        /// From the guest.
        case transmitted = 2
    }

    /// Why a frame went nowhere (`NetworkCounters`).
    public enum FrameLoss: UInt8, CaseIterable, Sendable {
        case spoofed = 1
        case portless = 2
        case malformed = 3
        case refused = 4
        case misdirected = 5
        case undeliverable = 6
    }

    var code: (number: UInt8, detail: UInt8) {
        switch self {
        case .start: (1, 0)
        case .startFailure(let reason): (2, reason.rawValue)
        case .exit(let kind): (3, kind.rawValue)
        case .outOfMemory: (4, 0)
        case .plug: (5, 0)
        case .unplug: (6, 0)
        case .quarantine(let kind): (7, kind.rawValue)
        case .violation(let part): (8, part.rawValue)
        case .refusal(let reason): (9, reason.rawValue)
        case .malformedRequest: (10, 0)
        case .suppressedLine: (11, 0)
        case .frame(let direction): (12, direction.rawValue)
        case .frameByte(let direction): (13, direction.rawValue)
        case .lostFrame(let loss): (14, loss.rawValue)
        case .fileRequest: (15, 0)
        case .malformedFileRequest: (16, 0)
        case .deniedGrowth: (17, 0)
        }
    }

    /// The event of these numbers; nil for what a newer VM counts.
    public init?(number: UInt8, detail: UInt8) {
        switch number {
        case 1: self = .start
        case 2: self.init(Refusal.Reason(rawValue: detail)) { .startFailure($0) }
        case 3: self.init(ExitKind(rawValue: detail)) { .exit($0) }
        case 4: self = .outOfMemory
        case 5: self = .plug
        case 6: self = .unplug
        case 7: self.init(QuarantineKind(rawValue: detail)) { .quarantine($0) }
        case 8: self.init(GuestPart(rawValue: detail)) { .violation($0) }
        case 9: self.init(Refusal.Reason(rawValue: detail)) { .refusal($0) }
        case 10: self = .malformedRequest
        case 11: self = .suppressedLine
        case 12: self.init(Direction(rawValue: detail)) { .frame($0) }
        case 13: self.init(Direction(rawValue: detail)) { .frameByte($0) }
        case 14: self.init(FrameLoss(rawValue: detail)) { .lostFrame($0) }
        case 15: self = .fileRequest
        case 16: self = .malformedFileRequest
        case 17: self = .deniedGrowth
        default: return nil
        }
    }

    private init?<Detail>(_ detail: Detail?, _ form: (Detail) -> CountedEvent) {
        guard let detail else { return nil }
        self = form(detail)
    }
}
