import LinuxSystem
@testable import OCI

/// Entry of libFuzzer: the input is an archive, once as what holds an image and once as a layer. Both must be read or
/// refused, within the limits; nothing is unpacked.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    guard let memory = try? MemoryFile(name: "archive", sizeInBytes: UInt64(input.count)),
        (try? memory.descriptor.write(all: input)) != nil
    else { return 0 }
    let region = ByteRegion(file: memory.descriptor, offset: 0, sizeInBytes: UInt64(input.count))
    let limits = ImportLimits(entries: 1000, sizeInBytes: 1 << 20, documentInBytes: 1 << 16)
    if let index = try? TarIndex(region, path: "archive") {
        _ = try? ImageContents(.archive(index, path: "archive"), name: nil, limits: limits)
    }
    try? readLayer(region, limits)
    return 0
}

private func readLayer(_ region: ByteRegion, _ limits: ImportLimits) throws(OCIError) {
    let source = try Decompressor(region, what: "layer", limit: limits.sizeInBytes) { _ in }
    let reader = try TarReader(source, what: "layer")
    var content = 0
    while let entry = try reader.next() {
        guard entry.sizeInBytes <= limits.sizeInBytes else { return }
        try unsafe reader.content { (bytes: UnsafeRawBufferPointer, offset: UInt64) throws(OCIError) in
            content += bytes.count
        }
    }
    precondition(content <= Int(limits.sizeInBytes), "more content than the decompressor may give")
    _ = try source.digests()
}
