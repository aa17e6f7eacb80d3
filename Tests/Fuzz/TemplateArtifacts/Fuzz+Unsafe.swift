import LinuxSystem

@testable import Runtime
@testable import TemplateRegistry

/// Entry of libFuzzer: the input is what a registry sends or a store has: an index, a manifest, a configuration, a
/// challenge, an address, credentials. It is refused with an error, or read as something within its bounds.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    let bytes = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    guard let kind = bytes.first else { return 0 }
    let rest = Array(bytes.dropFirst())
    switch kind % 8 {
    case 0: readIndex(rest)
    case 1: readChunks(rest)
    case 2: readChunks(withChecksum(Array("czchunk1".utf8) + rest))
    case 3: readIndex(packs(rest))
    case 4:
        _ = try? TemplateConfiguration(rest)
        if let manifest = try? TemplateManifest(rest) {
            precondition(manifest[.state] != nil && manifest[.index] != nil)
            precondition(manifest.layers.allSatisfy { (1...$0.kind.maxBytes).contains($0.size) })
        }
    case 5: _ = try? RegistryCredentials(rest, file: "f")
    default: readText(String(decoding: rest, as: UTF8.self))
    }
    return 0
}

private func readText(_ text: String) {
    if case .bearer(let realm, _, _) = RegistryChallenge(text) { precondition(!realm.isEmpty) }
    if let url = RegistryURL(text) {
        precondition(!url.description.utf8.contains { $0 <= 0x20 } && url.path.hasPrefix("/"))
    }
    if let reference = try? RegistryReference(text) {
        let again = try? RegistryReference((reference.repository.isPlain ? "http://" : "") + reference.description)
        precondition(again == reference && !reference.repository.name.contains(".."), "\(text)")
    }
}

private func readChunks(_ bytes: [UInt8]) {
    guard let index = try? ChunkIndex(bytes) else { return }
    precondition(index.bytes == bytes)
    precondition(index.chunks.allSatisfy { index.range(of: $0).upperBound <= index.memorySize })
}

private func readIndex(_ bytes: [UInt8]) {
    guard let index = try? PackIndex(bytes) else { return }
    precondition(index.bytes == bytes && index.places.count == index.chunks.chunks.count)
    for (chunk, place) in zip(index.chunks.chunks, index.places) {
        let end = Int(place.offset) + index.chunks.range(of: chunk).count
        precondition(end <= Int(index.packs[Int(place.pack)].size))
    }
}

private func withChecksum(_ bytes: [UInt8]) -> [UInt8] { bytes + ChunkDigest(of: bytes).bytes }

/// An index of packs with a good index of chunks, of as many as the first byte says, and the rest around it.
private func packs(_ bytes: [UInt8]) -> [UInt8] {
    let count = UInt32(bytes.first ?? 0) % 4
    let chunks = ChunkIndex(
        memorySize: 1 << 20, chunks: (0..<count).map { ChunkIndex.Chunk(number: $0, digest: ChunkDigest(of: [1])) })
    let packCount = UInt32(bytes.dropFirst().first ?? 0) % 4
    let tableSize = Int(packCount) * 36
    var index = Array("czpacks1".utf8)
    index.append(littleEndian: packCount)
    index.append(littleEndian: UInt32(chunks.bytes.count))
    index += bytes.dropFirst(2).prefix(tableSize)
    index += chunks.bytes
    return index + bytes.dropFirst(2 + tableSize)
}
