import Glibc
package import LinuxSystem
import SystemPackage

/// Chunks of templates' memory files: a file beside each says which it has, and where the file system can share blocks,
/// two templates' equal chunks lie on the medium once. The memory file stays one file, mapped as ever.
extension TemplateStore {
    /// The name of a template's index, in its directory.
    package static let indexName = "chunks"

    /// What a template's memory consists of; nil where nobody has cut it yet.
    package func chunks(of name: String) throws(RuntimeError) -> ChunkIndex? {
        let path = "\(path(name))/\(Self.indexName)"
        let bytes = try system { () throws(SystemError) in
            try FileSystem.contents(of: path, atMost: ChunkIndex.maxBytes + 1)
        }
        guard let bytes else { return nil }
        do throws(ChunkIndexError) { return try ChunkIndex(bytes) } catch {
            throw .broken(path: path, reason: error.description)
        }
    }

    /// Cuts a template's memory into chunks, unless that was done, and shares what other templates have. Reads the whole
    /// memory: for commands that nobody waits for.
    ///
    /// - Returns: nil for one that has gone.
    @discardableResult
    package func cut(_ name: String) throws(RuntimeError) -> ChunkIndex? {
        // Read again where the index is no good.
        if let index = try? chunks(of: name) { return index }
        guard let memory = try memory(of: name) else { return nil }
        let index = try system { () throws(SystemError) in try Self.index(of: memory) }
        try write(index, of: name)
        // Another one may have this name by now.
        let path = path(name)
        guard try system({ () throws(SystemError) in try FileSystem.status("\(path)/memory") == memory.status() })
        else {
            try? FileSystem.removeFile("\(path)/\(Self.indexName)")
            return nil
        }
        // What cannot be shared takes its room.
        _ = try? share(index, of: name, memory)
        return index
    }

    /// The memory file of a template; nil for one that has gone. Without its lock, which says that a VM uses it: of one that
    /// is removed meanwhile, what is open stays as it is.
    private func memory(of name: String) throws(RuntimeError) -> OwnedDescriptor? {
        do { return try OwnedDescriptor(opening: "\(path(name))/memory", flags: O_RDONLY) } catch {
            if error.errno == .noSuchFileOrDirectory { return nil }
            throw .system(error)
        }
    }

    /// Written whole or not at all, and read again before it has its name.
    private func write(_ index: ChunkIndex, of name: String) throws(RuntimeError) {
        let path = "\(path(name))/\(Self.indexName)"
        try system { () throws(SystemError) in try FileSystem.replace(path, with: index.bytes, mode: 0o444) }
        guard try chunks(of: name) == index else {
            try? FileSystem.removeFile(path)
            throw .broken(path: path, reason: "what was written to it is not what it has")
        }
    }

    static func index(of memory: OwnedDescriptor) throws(SystemError) -> ChunkIndex {
        let size = try memory.sizeInBytes()
        var chunks: [ChunkIndex.Chunk] = []
        // Two parts' neighbouring chunk is read once, with the hole between.
        for part in try memory.dataRanges(in: 0..<size, bridging: ChunkIndex.chunkSize, atMost: ChunkIndex.maxChunks) {
            var number = part.lowerBound / ChunkIndex.chunkSize
            while number * ChunkIndex.chunkSize < part.upperBound {
                defer { number += 1 }
                let start = number * ChunkIndex.chunkSize
                if let last = chunks.last, UInt64(last.number) >= number { continue }
                let chunk = try memory.read(exactly: Int(min(size - start, ChunkIndex.chunkSize)), at: start)
                guard chunk.contains(where: { $0 != 0 }) else { continue }
                chunks.append(ChunkIndex.Chunk(number: UInt32(number), digest: ChunkDigest(of: chunk)))
            }
        }
        return ChunkIndex(memorySize: size, chunks: chunks)
    }

    /// So many templates are compared with, those used last: the file of each stays open meanwhile.
    private static let maxCompared = 256

    /// Where templates of the store have chunks: any one place of each.
    package func places(except name: String? = nil) throws(RuntimeError) -> ChunkPlaces {
        var places = ChunkPlaces()
        for entry in try entries().prefix(Self.maxCompared) where entry.name != name {
            guard let index = try? chunks(of: entry.name), let memory = try memory(of: entry.name) else { continue }
            places.add(index, memory)
        }
        return places
    }

    private func share(_ index: ChunkIndex, of name: String, _ memory: OwnedDescriptor) throws(RuntimeError) {
        let places = try places(except: name)
        for run in places.runs(of: index) {
            let shared = try system { () throws(SystemError) in
                try FileBlocks(of: memory).share(run.range, with: run.source, at: run.offset)
            }
            // Nothing of this file system is.
            if shared == nil { return }
        }
        guard let next = places.closest(to: index) else { return }
        try system { () throws(SystemError) in
            for chunk in index.chunks where places[chunk.digest] == nil {
                try Self.sharePages(index.range(of: chunk), memory, next)
            }
        }
    }

    /// Shares the pages that are alike in a chunk that is not, with the file that has most in common: guests of one kernel
    /// differ by a page here and there.
    private static func sharePages(
        _ range: Range<UInt64>, _ memory: OwnedDescriptor, _ next: OwnedDescriptor
    ) throws(SystemError) {
        let mine = try memory.read(upTo: range.count, at: range.lowerBound)
        let other = try next.read(upTo: range.count, at: range.lowerBound)
        guard mine.count == range.count, other.count == range.count else { return }
        let page = 4096
        var start = 0
        for end in stride(from: page, through: mine.count, by: page) {
            let isAlike = mine[(end - page)..<end] == other[(end - page)..<end]
            if isAlike, end < mine.count { continue }
            let last = isAlike ? end : end - page
            if start < last {
                let run = range.lowerBound + UInt64(start)..<range.lowerBound + UInt64(last)
                _ = try FileBlocks(of: memory).share(run, with: next, at: run.lowerBound)
            }
            start = end
        }
    }
}

/// Where chunks are on this host.
package struct ChunkPlaces {
    private var places: [ChunkDigest: (file: OwnedDescriptor, offset: UInt64)] = [:]
    private var files: [(ChunkIndex, OwnedDescriptor)] = []

    package init() {}

    /// How many chunks there are.
    package var count: Int { places.count }

    mutating func add(_ index: ChunkIndex, _ memory: OwnedDescriptor) {
        files.append((index, memory))
        for chunk in index.chunks where places[chunk.digest] == nil {
            places[chunk.digest] = (memory, index.range(of: chunk).lowerBound)
        }
    }

    package subscript(digest: ChunkDigest) -> (file: OwnedDescriptor, offset: UInt64)? { places[digest] }

    /// Chunks that follow each other in both files.
    struct Run {
        var range: Range<UInt64>
        let source: OwnedDescriptor
        let offset: UInt64
    }

    /// File systems take so much in one call, in bytes.
    private static let maxRun: UInt64 = 16 << 20

    /// The file that has most of an index's chunks at the same places; nil where none has any.
    func closest(to index: ChunkIndex) -> OwnedDescriptor? {
        var best: (file: OwnedDescriptor?, count: Int) = (nil, 0)
        let wanted = Dictionary(uniqueKeysWithValues: index.chunks.map { ($0.number, $0.digest) })
        for (other, file) in files {
            let count = other.chunks.count { wanted[$0.number] == $0.digest }
            if count > best.count { best = (file, count) }
        }
        return best.file
    }

    /// What an index has in common with what is here.
    func runs(of index: ChunkIndex) -> [Run] {
        var runs: [Run] = []
        for chunk in index.chunks {
            guard let place = places[chunk.digest] else { continue }
            let range = index.range(of: chunk)
            if let last = runs.last, last.source === place.file, last.range.upperBound == range.lowerBound,
                last.offset + UInt64(last.range.count) == place.offset, UInt64(last.range.count) < Self.maxRun
            {
                runs[runs.count - 1].range = last.range.lowerBound..<range.upperBound
            } else {
                runs.append(Run(range: range, source: place.file, offset: place.offset))
            }
        }
        return runs
    }
}
