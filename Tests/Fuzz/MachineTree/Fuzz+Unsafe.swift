import Geometry

/// Entry of libFuzzer: the input is a flattened device tree. Whatever it is, it is refused with an error, or read as zones
/// and images that a machine can have.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes, which are copied here.
    let bytes = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    guard let tree = try? MachineTree(parsing: bytes) else { return 0 }
    precondition(tree.zones.count <= ZoneGeometry.maxZoneCount && tree.images.count <= MachineTree.maxImageCount)
    precondition(tree.zones.allSatisfy { $0.node > 0 && $0.base <= .max - $0.sizeInBytes })
    precondition(tree.images.allSatisfy { $0.base <= .max - $0.sizeInBytes })
    return 0
}
