import Runtime
import TemplateRegistry
import Testing

@testable import TemplateTransfer

private func index(_ seeds: [UInt8]) -> ChunkIndex {
    ChunkIndex(
        memorySize: UInt64(seeds.count) << 16,
        chunks: seeds.enumerated().map { .init(number: UInt32($0), digest: ChunkDigest(of: [$1])) })
}

private func pack(_ number: UInt8, chunks: UInt32) -> PackIndex.Pack {
    .init(digest: ChunkDigest(of: [number, 1]), size: chunks << 16)
}

@Suite struct PackPlanTests {
    @Test func theWorkingSetHasPacksOfItsOwn() throws {
        let chunks = index(Array(0..<130))
        let plan = try PackPlan(chunks, workingSet: [3, 7, 129], indices: []) { _ in true }
        #expect(plan.fresh.map(\.isWorkingSet) == [true, false, false])
        #expect(plan.fresh[0].chunks == [3, 7, 129])
        #expect(plan.fresh.map(\.chunks.count) == [3, 64, 63])
        let made = [pack(0, chunks: 3), pack(1, chunks: 64), pack(2, chunks: 63)]
        let whole = plan.index(of: chunks, made: made)
        #expect(try PackIndex(whole.bytes) == whole)
        #expect(whole.places[7] == .init(pack: whole.places[3].pack, offset: 1 << 16))
        let first = whole.packsWithin([3, 7, 129])
        #expect(first.map { whole.packs[$0] } == [made[0]])
        // What is there is not sent again, and comes to the same index.
        let again = try PackPlan(chunks, workingSet: [3, 7, 129], indices: [whole]) { _ in true }
        #expect(again.fresh.isEmpty && again.index(of: chunks, made: []) == whole)
    }

    @Test func equalChunksAreSentOnce() throws {
        let chunks = index([1, 2, 1, 1])
        let plan = try PackPlan(chunks, workingSet: [], indices: []) { _ in true }
        #expect(plan.fresh.map(\.chunks) == [[0, 1]])
        let whole = plan.index(of: chunks, made: [pack(0, chunks: 2)])
        #expect(whole.places.map(\.offset) == [0, 1 << 16, 0, 0])
        // One request for all of them.
        let runs = ChunkFetch.runs([0, 1, 2, 3], of: whole)
        #expect(runs.map(\.range) == [0..<(2 << 16)] && runs[0].chunks == [0, 2, 3, 1])
    }

    @Test func packsOfOthersAreTakenWhereTheyAreThere() throws {
        let (one, two) = (index([1, 2, 3]), index([3, 4]))
        let known = try [one, two].enumerated().map { number, chunks in
            try PackPlan(chunks, workingSet: [], indices: []) { _ in true }.index(
                of: chunks, made: [pack(UInt8(number), chunks: UInt32(chunks.chunks.count))])
        }
        let wanted = index([1, 3, 4, 5])
        var asked: [PackIndex.Pack] = []
        let plan = try PackPlan(wanted, workingSet: [], indices: known) { pack in
            asked.append(pack)
            return pack.size == 3 << 16
        }
        #expect(asked == [pack(0, chunks: 3), pack(1, chunks: 2)])
        #expect(plan.known.keys.sorted() == [0, 1] && plan.fresh.map(\.chunks) == [[2, 3]])
    }

    @Test func farPartsOfAPackAreAskedForOneByOne() throws {
        let chunks = index(Array(0..<60))
        let whole = try PackPlan(chunks, workingSet: [], indices: []) { _ in true }.index(
            of: chunks, made: [pack(0, chunks: 60)])
        let runs = ChunkFetch.runs([50, 0, 2, 9], of: whole)
        #expect(runs.map(\.chunks) == [[0, 2], [9], [50]])
        #expect(runs[0].range == 0..<(3 << 16) && runs[2].range == (50 << 16)..<(51 << 16))
    }

    @Test func aWorkingSetThatMakesNoSenseIsNone() {
        let good = TransferHost.workingSet([0..<1, 15..<17, 64..<65])
        #expect(WorkingSetChunks.numbers(good) == [0, 1, 4])
        for bytes in [
            [], Array(good.dropLast()), good + [0], TransferHost.workingSet([1..<1]),
            TransferHost.workingSet([0..<UInt32.max]),
        ] { #expect(WorkingSetChunks.numbers(bytes) == []) }
    }
}
