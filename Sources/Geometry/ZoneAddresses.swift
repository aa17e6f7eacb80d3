/// Where in a VM's physical addresses zones lie: behind its base memory, before its images. In bytes.
public enum ZoneAddresses {
    /// The first address that a zone may have.
    public static let first: UInt64 = 8 << 30
    /// Zones begin at a multiple of it, so that huge pages of any size fit.
    public static let alignment: UInt64 = 1 << 30
    /// RAM beyond `endOfLowBase` continues here.
    public static let startOfHighBase: UInt64 = 4 << 30
    /// RAM below `startOfHighBase` ends here at the latest.
    public static let endOfLowBase: UInt64 = 3 << 30

    /// Behind zones: 512 GiB, or the middle of a smaller physical address space.
    public static func end(forPhysicalAddressBits bits: Int) -> UInt64 { min(512 << 30, 1 << UInt64(bits - 1)) }

    /// Where they begin behind RAM that ends here.
    public static func start(behind end: UInt64) -> UInt64 { max(first, (end + alignment - 1) / alignment * alignment) }

    /// The most that each of so many zones can have, in whole blocks.
    ///
    /// - Parameters:
    ///   - count: of zones, from 1.
    ///   - baseMemory: the VM's memory beside zones, less than 1 TiB.
    ///   - bits: of a physical address, 36 to 52.
    public static func largestZone(count: Int, baseMemory: UInt64, physicalAddressBits bits: Int) -> UInt64 {
        let endOfBase = baseMemory <= endOfLowBase ? baseMemory : startOfHighBase + baseMemory - endOfLowBase
        let (start, end) = (start(behind: endOfBase), end(forPhysicalAddressBits: bits))
        let block = ZoneGeometry.blockSizeInBytes
        return (end - min(start, end)) / UInt64(max(count, 1)) / block * block
    }
}
