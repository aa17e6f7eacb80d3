/// How a zone grows and shrinks with what its container uses: what host and guest agree on. Sizes are in bytes.
///
/// ```
/// 0                       ask                 brake   limit  plugged
/// |───────────────────────|────────────────────|───────|──────|
///                         5/8                15/16            8 MiB
/// ```
/// A container whose memory passes `ask` is given more while it goes on; it is slowed down (memory.high) only where it
/// comes to `brake` before that is there, and killed at its limit only where no more comes.
public enum ElasticZone {
    /// What is plugged at once, at most.
    public static let maxStepInBytes: UInt64 = 1 << 30

    /// memory.high at which a container asks for more.
    public static func askLevel(inZoneOf pluggedBytes: UInt64) -> UInt64 {
        ZoneGeometry.maxMemoryLimit(inZoneOf: pluggedBytes) / 8 * 5
    }

    /// memory.high of one that has asked.
    public static func brakeLevel(inZoneOf pluggedBytes: UInt64) -> UInt64 {
        ZoneGeometry.maxMemoryLimit(inZoneOf: pluggedBytes) / 16 * 15
    }

    /// What a zone has next: twice as much, at most 1 GiB more, and no more than `max`, which is whole blocks.
    public static func nextSize(after pluggedBytes: UInt64, atMost max: UInt64) -> UInt64 {
        guard pluggedBytes < max else { return pluggedBytes }
        let step = Swift.max(ZoneGeometry.blockSizeInBytes, min(pluggedBytes, maxStepInBytes))
        return pluggedBytes + min(step, max - pluggedBytes)
    }

    /// What a zone shrinks to whose container uses so much; nil: it stays. It goes to where half is used, and only where
    /// that is half of it or less: what has just grown does not shrink.
    public static func smallerSize(
        than pluggedBytes: UInt64, using usedBytes: UInt64, atLeast least: UInt64
    ) -> UInt64? {
        let size = sizeHolding(usedBytes, atLeast: least)
        return size <= pluggedBytes / 2 || size == least && size < pluggedBytes ? size : nil
    }

    /// The fewest blocks of which a container that uses so much uses half.
    static func sizeHolding(_ usedBytes: UInt64, atLeast least: UInt64) -> UInt64 {
        let (twice, overflow) = usedBytes.multipliedReportingOverflow(by: 2)
        guard !overflow, twice < .max - ZoneGeometry.headroomInBytes else { return .max }
        return max(ZoneGeometry.wholeBlocks(holding: twice + ZoneGeometry.headroomInBytes) ?? .max, least)
    }

    /// What a zone needs for a memory limit: the fewest blocks that have room for it.
    public static func size(forLimit limit: UInt64) -> UInt64 {
        let (sum, overflow) = limit.addingReportingOverflow(ZoneGeometry.headroomInBytes)
        return overflow ? .max : ZoneGeometry.wholeBlocks(holding: sum) ?? .max
    }
}
