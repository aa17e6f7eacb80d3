import Devices
import LinuxSystem

/// The pages of base memory that a guest writes from a snapshot on until it is ready. Every machine that is restored
/// from it writes them, so it gets its own copies at once, instead of by two exits for each.
public struct WorkingSet: Equatable, Sendable {
    /// A guest that becomes ready writes some hundred pages.
    static let maxRuns: UInt32 = 1 << 16
    public static let maxBytes = StateFile.headerLength + 4 + 8 * Int(maxRuns)
    static let pageSize: UInt64 = 4096

    /// Runs of pages of the memory file, none empty.
    let runs: [Range<UInt32>]

    init(runs: [Range<UInt32>]) { self.runs = Array(runs.prefix(Int(Self.maxRuns))) }

    /// The file: a header as a state file's, then how many runs, and of each the first page and the one behind the last.
    public var bytes: [UInt8] {
        var writer = StateWriter()
        writer.write(UInt32(runs.count))
        for run in runs {
            writer.write(run.lowerBound)
            writer.write(run.upperBound)
        }
        return StateFile.bytes(of: writer.bytes)
    }

    /// - Parameter memorySize: the memory file's size in bytes; a set that goes beyond it is refused.
    init(_ bytes: [UInt8], memorySize: UInt64) throws(SnapshotError) {
        guard let body = try? StateFile.body(of: bytes) else {
            throw .workingSet("it is not whole, or has changed since it was written")
        }
        var reader = StateReader(body)
        var runs: [Range<UInt32>] = []
        do throws(StateError) {
            let count: UInt32 = try reader.read()
            guard count <= Self.maxRuns else { throw .invalid("\(count) runs of pages") }
            for _ in 0..<count {
                let (first, end): (UInt32, UInt32) = (try reader.read(), try reader.read())
                guard first < end, UInt64(end) * Self.pageSize <= memorySize else {
                    throw .invalid("pages \(first) to \(end) of \(memorySize) bytes")
                }
                runs.append(first..<end)
            }
            guard reader.remaining == 0 else {
                throw .trailingBytes(section: "working set", count: reader.remaining)
            }
        } catch { throw .workingSet("\(error)") }
        self.runs = runs
    }
}
