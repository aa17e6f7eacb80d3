import Geometry

/// Where a zone stands between two containers.
///
///     absent ─plug→ plugging ─online→ online ─drain→ draining ─unplug→ unplugging ─absent→ absent
///                       └──────────── drain (it did not come up) ──┘
///     plugging, online, draining, unplugging ─quarantine→ quarantined
public enum ZoneState: Hashable, Sendable, CustomStringConvertible {
    /// No memory: the range is not mapped into the VM.
    case absent
    /// The guest has been asked to take the memory in.
    case plugging
    /// The zone's node has memory: a container may live in it.
    case online
    /// The container has ended, or the zone did not come up; the guest takes the memory offline, and has been asked to
    /// give back what is.
    case draining
    /// All of it is offline; the guest gives it back.
    case unplugging
    /// The zone could not be emptied. Never used again in this VM.
    case quarantined(QuarantineReason)

    public var description: String {
        switch self {
        case .absent: "absent"
        case .plugging: "plugging"
        case .online: "online"
        case .draining: "draining"
        case .unplugging: "unplugging"
        case .quarantined(let reason): "quarantined (\(reason))"
        }
    }
}

/// Why a zone is never used again.
public enum QuarantineReason: String, Hashable, Sendable, CustomStringConvertible {
    /// Pages of an ended container stay in it.
    case notEmpty
    /// The guest does not answer.
    case timeout
    /// The guest's agent and its devices disagree.
    case inconsistent
    /// The host could not map, unmap or give back the memory.
    case hostFailure

    public var description: String {
        switch self {
        case .notEmpty: "pages are left in it"
        case .timeout: "the guest does not answer"
        case .inconsistent: "what the guest says does not fit"
        case .hostFailure: "the host could not change its memory"
        }
    }
}

/// A step that a zone cannot take from where it stands.
public enum ZoneStateError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The state does not allow the step.
    case illegal(step: String, state: ZoneState)
    /// No multiple of a block, 0, or more than the zone.
    case size(UInt64, zoneSizeInBytes: UInt64)
    /// The step needs another amount of plugged memory.
    case plugged(UInt64, expected: UInt64)

    public var description: String {
        switch self {
        case .illegal(let step, let state): "cannot \(step) a zone that is \(state)"
        case .size(let size, let most): "\(size) bytes of a zone, expected a multiple of 128 MiB up to \(most)"
        case .plugged(let size, let expected): "\(size) bytes are plugged, expected \(expected)"
        }
    }
}

/// A zone's state with the amounts of memory that belong to it: what is asked of the guest, and what the zone's device
/// says the guest has.
public struct ZoneLife: Hashable, Sendable {
    /// Immutable: where the zone lies.
    public let zone: Zone
    /// Changed by the steps below only.
    public private(set) var state: ZoneState = .absent
    /// What the guest is asked to have plugged.
    public private(set) var requestedSizeInBytes: UInt64 = 0
    /// What the guest has plugged, as its device says.
    public private(set) var pluggedSizeInBytes: UInt64 = 0

    /// A zone of a VM that starts: absent.
    public init(_ zone: Zone) { self.zone = zone }

    /// Whether the guest has what it was asked to have: less where it gave memory back of its own, or is not done.
    public var isSettled: Bool { pluggedSizeInBytes == requestedSizeInBytes }

    /// Whether a container can be given the zone.
    public var isFree: Bool { state == .absent }

    /// Asks the guest for memory: absent → plugging.
    public mutating func plug(_ sizeInBytes: UInt64) throws(ZoneStateError) {
        guard state == .absent else { throw .illegal(step: "plug", state: state) }
        try check(sizeInBytes)
        requestedSizeInBytes = sizeInBytes
        state = .plugging
    }

    /// The zone's node has all the memory that was asked for: plugging → online.
    public mutating func confirmOnline() throws(ZoneStateError) {
        guard state == .plugging else { throw .illegal(step: "bring online", state: state) }
        guard isSettled else { throw .plugged(pluggedSizeInBytes, expected: requestedSizeInBytes) }
        state = .online
    }

    /// Asks for more or less while a container lives in the zone.
    public mutating func resize(_ sizeInBytes: UInt64) throws(ZoneStateError) {
        guard state == .online else { throw .illegal(step: "resize", state: state) }
        try check(sizeInBytes)
        requestedSizeInBytes = sizeInBytes
    }

    /// The container has ended, or the zone did not come up in time; asks for the memory back, of which the guest gives
    /// what is offline: online or plugging → draining.
    public mutating func drain() throws(ZoneStateError) {
        guard state == .online || state == .plugging else { throw .illegal(step: "drain", state: state) }
        requestedSizeInBytes = 0
        state = .draining
    }

    /// The guest has taken all of the memory offline: draining → unplugging.
    public mutating func unplug() throws(ZoneStateError) {
        guard state == .draining else { throw .illegal(step: "unplug", state: state) }
        state = .unplugging
    }

    /// Nothing is plugged any more: unplugging → absent.
    public mutating func confirmAbsent() throws(ZoneStateError) {
        guard state == .unplugging else { throw .illegal(step: "take away", state: state) }
        guard pluggedSizeInBytes == 0 else { throw .plugged(pluggedSizeInBytes, expected: 0) }
        state = .absent
    }

    /// Gives the zone up; an absent one has nothing that could be wrong. The first reason stays.
    public mutating func quarantine(_ reason: QuarantineReason) throws(ZoneStateError) {
        switch state {
        case .absent: throw .illegal(step: "quarantine", state: state)
        case .quarantined: break
        default: state = .quarantined(reason)
        }
    }

    /// The device says how much is plugged now. A guest may give memory back whenever it likes, but can have only what
    /// is asked of it, and nothing while the zone is absent.
    public mutating func recordPlugged(_ sizeInBytes: UInt64) throws(ZoneStateError) {
        guard sizeInBytes <= zone.sizeInBytes, sizeInBytes % ZoneGeometry.blockSizeInBytes == 0 else {
            throw .size(sizeInBytes, zoneSizeInBytes: zone.sizeInBytes)
        }
        guard sizeInBytes <= max(requestedSizeInBytes, pluggedSizeInBytes) else {
            throw .plugged(sizeInBytes, expected: requestedSizeInBytes)
        }
        pluggedSizeInBytes = sizeInBytes
    }

    private func check(_ sizeInBytes: UInt64) throws(ZoneStateError) {
        guard sizeInBytes > 0, sizeInBytes <= zone.sizeInBytes, sizeInBytes % ZoneGeometry.blockSizeInBytes == 0 else {
            throw .size(sizeInBytes, zoneSizeInBytes: zone.sizeInBytes)
        }
    }
}
