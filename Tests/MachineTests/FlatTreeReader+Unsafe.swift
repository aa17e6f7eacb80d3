import CFDT

/// Reads a flattened device tree through libfdt, as the guest's kernel does.
struct FlatTreeReader {
    let blob: [UInt8]

    var headerError: CInt { unsafe with { unsafe fdt_check_header($0) } }
    var fullCheckError: CInt { unsafe with { unsafe fdt_check_full($0, blob.count) } }

    /// A node's properties, by path; nil where there is none of that name.
    func property(_ name: String, of path: String) -> [UInt8]? {
        unsafe with { tree in
            let node = unsafe fdt_path_offset(tree, path)
            guard node >= 0 else { return nil }
            var length: CInt = 0
            guard let value = unsafe fdt_getprop(tree, node, name, &length) else { return nil }
            // SAFETY: libfdt checked that the property lies within the blob.
            return unsafe Array(UnsafeRawBufferPointer(start: value, count: Int(length)))
        }
    }

    func cells(_ name: String, of path: String) -> [UInt32]? {
        property(name, of: path).map { bytes in
            stride(from: 0, to: bytes.count, by: 4).map { bytes[$0..<$0 + 4].reduce(0) { $0 << 8 | UInt32($1) } }
        }
    }

    func text(_ name: String, of path: String) -> String? {
        property(name, of: path).map { String(decoding: $0.dropLast(), as: UTF8.self) }
    }

    func childCount(of path: String) -> Int {
        unsafe with { tree in
            var count = 0
            var node = unsafe fdt_first_subnode(tree, fdt_path_offset(tree, path))
            while node >= 0 {
                count += 1
                node = unsafe fdt_next_subnode(tree, node)
            }
            return count
        }
    }

    private func with<Result>(_ body: (UnsafeRawPointer?) -> Result) -> Result {
        // SAFETY: the blob lives as long as the call.
        unsafe blob.withUnsafeBytes { unsafe body($0.baseAddress) }
    }
}
