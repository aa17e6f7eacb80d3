import LinuxSystem
import Runtime

/// Which chunks a guest writes to until it is ready, by a template's working set (Machine's `WorkingSet`): a header of 28 bytes,
/// the count of runs (4), and of each its first page and the one behind its last (4 each). It only says what comes first
/// in the packs, so of a file that makes no sense nothing is taken.
enum WorkingSetChunks {
    private static let headerSize = 28
    private static let maxRuns = 1 << 16
    private static let pagesPerChunk = UInt32(ChunkIndex.chunkSize / 4096)

    static func numbers(_ file: [UInt8]) -> Set<UInt32> {
        guard file.count >= headerSize + 4 else { return [] }
        let count = Int(file.littleEndianNumber(at: headerSize) as UInt32)
        guard count <= maxRuns, file.count == headerSize + 4 + 8 * count else { return [] }
        var numbers: Set<UInt32> = []
        for run in 0..<count {
            let place = headerSize + 4 + 8 * run
            let (first, end): (UInt32, UInt32) = (
                file.littleEndianNumber(at: place), file.littleEndianNumber(at: place + 4)
            )
            guard first < end, (end - 1) / pagesPerChunk < ChunkIndex.maxChunks else { return [] }
            numbers.formUnion(first / pagesPerChunk...(end - 1) / pagesPerChunk)
        }
        return numbers
    }
}
