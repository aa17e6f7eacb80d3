import CFDT

/// Writes a flattened device tree front to back by libfdt's sequential-write functions.
///
/// The first error sticks and is thrown at the end. libfdt keeps its state in the blob itself and never writes beyond
/// the size that it was given first.
// SAFETY: libfdt checks every write against the size in the blob's header, which is the array's own; names and values
// live as long as the call. An array's bytes are aligned to 16, libfdt wants 8.
struct FlatTreeWriter {
    private var blob: [UInt8]
    private var code: CInt = 0

    init(capacity: Int) {
        blob = [UInt8](repeating: 0, count: capacity)
        unsafe write { unsafe fdt_create($0, CInt(capacity)) }
        unsafe write { unsafe fdt_finish_reservemap($0) }
    }

    mutating func node(_ name: String, _ body: (inout FlatTreeWriter) -> Void) {
        unsafe write { unsafe fdt_begin_node($0, name) }
        body(&self)
        unsafe write { unsafe fdt_end_node($0) }
    }

    /// Big-endian 32-bit values.
    mutating func property(_ name: String, cells: [UInt32]) {
        property(name, cells.flatMap { value in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } })
    }

    mutating func property(_ name: String, text: String) { property(name, Array(text.utf8) + [0]) }

    /// The finished tree, as long as it is.
    consuming func finish() throws(DeviceTreeError) -> [UInt8] {
        unsafe write { unsafe fdt_finish($0) }
        guard code != -FDT_ERR_NOSPACE else { throw .tooLarge(capacityInBytes: blob.count) }
        guard code == 0 else { throw .refused(code: -code) }
        // The header's second field, big-endian: the tree's length.
        let length = blob[4..<8].reduce(0) { $0 << 8 | Int($1) }
        return Array(blob.prefix(length))
    }

    private mutating func property(_ name: String, _ value: [UInt8]) {
        unsafe write { unsafe fdt_property($0, name, value, CInt(value.count)) }
    }

    private mutating func write(_ step: (UnsafeMutableRawPointer?) -> CInt) {
        guard code == 0 else { return }
        unsafe blob.withUnsafeMutableBytes { code = unsafe step($0.baseAddress) }
    }
}
