import AgentProtocol

/// What a VM is now, and what it has counted since its process began: a restored VM begins at 0.
public struct VirtualMachineMetrics: Equatable, Sendable {
    /// How often something has happened; what never has is left out.
    public struct Count: Equatable, Sendable {
        /// What.
        public var event: CountedEvent
        /// How often, or how many bytes.
        public var value: UInt64

        public init(_ event: CountedEvent, _ value: UInt64) {
            self.event = event
            self.value = value
        }
    }

    /// The durations of a stage of all starts: counts by `StartStage.bounds` and one beyond, and their sum in
    /// microseconds.
    public struct StageDurations: Equatable, Sendable {
        /// Which one.
        public var stage: StartStage
        /// How many starts fell into each bucket alone.
        public var counts: [UInt64]
        /// In microseconds.
        public var sum: UInt64

        public init(stage: StartStage, counts: [UInt64], sum: UInt64) {
            self.stage = stage
            self.counts = counts
            self.sum = sum
        }
    }

    /// A container's own counts. Its number is no other container's of this VM, ever; its id may be given again.
    public struct ContainerCounts: Equatable, Sendable {
        /// As the client gave it, at most 256 bytes.
        public var id: String
        /// From 1.
        public var number: UInt32
        /// Of its interfaces, as the guest sees it.
        public var receivedFrames: UInt64 = 0
        /// In bytes of Ethernet frames.
        public var receivedBytes: UInt64 = 0
        /// From the guest.
        public var transmittedFrames: UInt64 = 0
        /// In bytes of Ethernet frames.
        public var transmittedBytes: UInt64 = 0
        /// How often the guest has said that it reached its limit of memory.
        public var outOfMemory: UInt64 = 0

        public init(id: String, number: UInt32) {
            self.id = id
            self.number = number
        }
    }

    /// More cannot be counted: as many as there are numbers and details.
    static let maxCounts = 256

    public var description: VirtualMachineDescription
    /// It was restored from a template.
    public var isRestored: Bool
    /// At most one of each event.
    public var counts: [Count]
    /// At most one of each stage.
    public var stages: [StageDurations]
    /// Those that there are, in the order of their coming.
    public var containers: [ContainerCounts]

    public init(
        description: VirtualMachineDescription, isRestored: Bool, counts: [Count], stages: [StageDurations],
        containers: [ContainerCounts]
    ) {
        self.description = description
        self.isRestored = isRestored
        self.counts = counts
        self.stages = stages
        self.containers = containers
    }

    func encode(into encoder: inout MessageEncoder) {
        description.encode(into: &encoder)
        encoder.flag(isRestored)
        encoder.list(counts, "counts", atMost: Self.maxCounts) { encoder, count in
            encoder.integer(count.event.code.number)
            encoder.integer(count.event.code.detail)
            encoder.integer(count.value)
        }
        encoder.list(stages, "stages", atMost: StartStage.allCases.count) { encoder, durations in
            encoder.integer(durations.stage.rawValue)
            encoder.list(durations.counts, "buckets", atMost: StartStage.bounds.count + 1) { $0.integer($1) }
            encoder.integer(durations.sum)
        }
        encoder.list(containers, "containers", atMost: Limits.containers) { $1.encode(into: &$0) }
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        description = try VirtualMachineDescription(decoding: &decoder)
        isRestored = try decoder.flag("restored")
        counts = try decoder.list("counts", atMost: Self.maxCounts) { d throws(ProtocolError) in
            (CountedEvent(number: try d.integer(), detail: try d.integer()), try d.integer() as UInt64)
        }.compactMap { event, value in event.map { Count($0, value) } }
        stages = try decoder.list("stages", atMost: StartStage.allCases.count) { d throws(ProtocolError) in
            let value: UInt8 = try d.integer()
            guard let stage = StartStage(rawValue: value) else {
                throw .invalidValue(field: "stage", value: UInt64(value))
            }
            let counts = try d.list("buckets", atMost: StartStage.bounds.count + 1) {
                d throws(ProtocolError) in try d.integer() as UInt64
            }
            return StageDurations(stage: stage, counts: counts, sum: try d.integer())
        }
        containers = try decoder.list("containers", atMost: Limits.containers) { d throws(ProtocolError) in
            try ContainerCounts(decoding: &d)
        }
    }
}

extension VirtualMachineMetrics.ContainerCounts {
    func encode(into encoder: inout MessageEncoder) {
        encoder.name(id)
        encoder.integer(number)
        for value in [receivedFrames, receivedBytes, transmittedFrames, transmittedBytes, outOfMemory] {
            encoder.integer(value)
        }
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        self.init(id: try decoder.name(), number: try decoder.integer())
        receivedFrames = try decoder.integer()
        receivedBytes = try decoder.integer()
        transmittedFrames = try decoder.integer()
        transmittedBytes = try decoder.integer()
        outOfMemory = try decoder.integer()
    }
}
