package import LinuxSystem
package import Runtime
import Synchronization
package import TemplateRegistry

/// Puts a template's chunks into its memory file: from this host's other templates, and by ranges of a registry's packs.
package struct ChunkFetch: Sendable {
    /// Requests that are under way at a time.
    private static let threadCount = 4
    /// Chunks that lie no further apart in a pack are fetched with what is between, in bytes.
    private static let maxGap = 128 << 10

    private let client: RegistryClient
    private let memory: OwnedDescriptor

    package init(from client: RegistryClient, into memory: OwnedDescriptor) {
        self.client = client
        self.memory = memory
    }

    /// Takes what this host has; the places in the index of what it has not. What is here is checked too: a disk that lies
    /// is not made worse.
    package func takeLocal(_ chunks: ChunkIndex, _ here: ChunkPlaces) throws(TransferError) -> [Int] {
        var missing: [Int] = []
        for (place, chunk) in chunks.chunks.enumerated() {
            let range = chunks.range(of: chunk)
            guard let found = here[chunk.digest],
                let bytes = try? found.file.read(exactly: range.count, at: found.offset),
                ChunkDigest(of: bytes) == chunk.digest
            else {
                missing.append(place)
                continue
            }
            try transferring {
                if try !FileBlocks(of: memory).clone(range, from: found.file, at: found.offset) {
                    try writeSparsely(bytes, at: range.lowerBound)
                }
            }
        }
        return missing
    }

    /// A range of a pack, and the chunks in it.
    package struct Run: Equatable, Sendable {
        package var pack: PackIndex.Pack
        package var range: Range<Int>
        /// Their places in the index.
        package var chunks: [Int]
    }

    /// What to ask for, in the order of the packs: those of the working set are the first.
    package static func runs(_ missing: [Int], of index: PackIndex) -> [Run] {
        let ordered = missing.sorted { one, other in
            let (a, b) = (index.places[one], index.places[other])
            return (a.pack, a.offset, one) < (b.pack, b.offset, other)
        }
        var runs: [Run] = []
        for place in ordered {
            let (pack, start) = (index.packs[Int(index.places[place].pack)], Int(index.places[place].offset))
            let end = start + index.chunks.range(of: index.chunks.chunks[place]).count
            if let last = runs.last, last.pack == pack, start <= last.range.upperBound + maxGap,
                end - last.range.lowerBound <= PackIndex.packSize
            {
                runs[runs.count - 1].range = last.range.lowerBound..<max(end, last.range.upperBound)
                runs[runs.count - 1].chunks.append(place)
            } else {
                runs.append(Run(pack: pack, range: start..<end, chunks: [place]))
            }
        }
        return runs
    }

    private struct Progress {
        var rest: ArraySlice<Run>
        var bytes = 0
        var failure: TransferError?
    }

    /// Fetches chunks; how many bytes came. After the first failure no more is asked for.
    package func fetch(_ missing: [Int], of index: PackIndex) throws(TransferError) -> Int {
        let runs = Self.runs(missing, of: index)
        let progress = Mutex(Progress(rest: runs[...]))
        let work: @Sendable () -> Void = {
            while let run = progress.withLock({ $0.failure == nil ? $0.rest.popFirst() : nil }) {
                do throws(TransferError) {
                    try take(run, of: index)
                    progress.withLock { $0.bytes += run.range.count }
                } catch {
                    progress.withLock { $0.failure = $0.failure ?? error }
                }
            }
        }
        let threads = try transferring {
            try (0..<min(Self.threadCount, runs.count)).map { try Thread(named: "fetch \($0)", work) }
        }
        for thread in threads { thread.join() }
        let (bytes, failure) = progress.withLock { ($0.bytes, $0.failure) }
        if let failure { throw failure }
        return bytes
    }

    private func take(_ run: Run, of index: PackIndex) throws(TransferError) {
        let bytes = try client.part(run.pack.blobDigest, run.range, ofSize: Int(run.pack.size))
        for place in run.chunks {
            let chunk = index.chunks.chunks[place]
            let target = index.chunks.range(of: chunk)
            let start = Int(index.places[place].offset) - run.range.lowerBound
            let piece = Array(bytes[start..<start + target.count])
            let found = ChunkDigest(of: piece)
            guard found == chunk.digest else {
                throw .altered(
                    what: "chunk \(chunk.number) of the template, in the pack \(run.pack.digest)", found: "\(found)",
                    expected: "\(chunk.digest)")
            }
            try transferring { try writeSparsely(piece, at: target.lowerBound) }
        }
    }

    /// Pages of zeros stay holes, as in a memory file that was made here: holes cost a VM nothing.
    private func writeSparsely(_ bytes: [UInt8], at offset: UInt64) throws(SystemError) {
        let page = 4096
        var start = 0
        for end in stride(from: page, to: bytes.count + page, by: page) {
            let next = bytes[(end - page)..<min(end, bytes.count)]
            guard next.allSatisfy({ $0 == 0 }) else { continue }
            if start < end - page {
                try memory.write(all: Array(bytes[start..<end - page]), at: offset + UInt64(start))
            }
            start = end
        }
        if start < bytes.count { try memory.write(all: Array(bytes[start...]), at: offset + UInt64(start)) }
    }
}
