import Geometry
import Testing

@Test func zonesShareWhatIsBetweenBaseAndImages() {
    let gibibyte: UInt64 = 1 << 30
    #expect(ZoneAddresses.largestZone(count: 16, baseMemory: 256 << 20, physicalAddressBits: 46) == 504 * gibibyte / 16)
    #expect(ZoneAddresses.largestZone(count: 16, baseMemory: 256 << 20, physicalAddressBits: 39) == 248 * gibibyte / 16)
    // A base that goes on at 4 GiB ends 1 GiB higher.
    let behindMore = ZoneAddresses.largestZone(count: 2, baseMemory: 20 * gibibyte, physicalAddressBits: 36)
    #expect(behindMore == 11 * gibibyte / 2)
    #expect(ZoneAddresses.largestZone(count: 1, baseMemory: 60 * gibibyte, physicalAddressBits: 36) == 0)
    #expect(ZoneAddresses.start(behind: 9 * gibibyte + 1) == 10 * gibibyte)
}
