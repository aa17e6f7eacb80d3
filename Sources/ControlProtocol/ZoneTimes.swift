public import AgentProtocol

/// How long a zone's last coming and going took, by the host's monotonic clock, in microseconds. 0: not yet.
public struct ZoneTimes: Equatable, Sendable {
    /// The zone's node in the guest, from 1.
    public var node: UInt32
    /// From the request for the zone until its device says that all of it is plugged, and until the agent says that all
    /// of it is online.
    public var plugged: UInt64 = 0
    /// From the request until all of it was online, in microseconds.
    public var online: UInt64 = 0
    /// From the end of the container's first process until the agent says that the zone is offline, and until nothing
    /// is plugged and the host has the memory.
    public var offline: UInt64 = 0
    /// From the end of its container until the host had all of it, in microseconds.
    public var returned: UInt64 = 0
    /// How often the zone has been returned.
    public var returns: UInt64 = 0
    /// Pages that the guest moved when the zone last went offline.
    public var pagesMigrated: UInt64 = 0
    /// What the agent did to end the last container, by the guest's clock.
    public var steps: [StepTiming] = []

    public init(node: UInt32) { self.node = node }

    func encode(into encoder: inout MessageEncoder) {
        encoder.integer(node)
        for number in [plugged, online, offline, returned, returns, pagesMigrated] { encoder.integer(number) }
        encoder.list(steps, "steps", atMost: 2 * Limits.timings) { encoder, step in
            encoder.integer(step.step.rawValue)
            encoder.integer(step.microseconds)
        }
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        node = try decoder.integer()
        plugged = try decoder.integer()
        online = try decoder.integer()
        offline = try decoder.integer()
        returned = try decoder.integer()
        returns = try decoder.integer()
        pagesMigrated = try decoder.integer()
        steps = try decoder.list("steps", atMost: 2 * Limits.timings) { d throws(ProtocolError) in
            let value: UInt8 = try d.integer()
            guard let step = Step(rawValue: value) else {
                throw .invalidValue(field: "step", value: UInt64(value))
            }
            return StepTiming(step: step, microseconds: try d.integer())
        }
    }
}
