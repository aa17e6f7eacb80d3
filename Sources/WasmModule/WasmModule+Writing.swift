extension WasmModule {
    /// The binary format.
    public func encoded() -> [UInt8] {
        var bytes: [UInt8] = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
        Self.add(section: 1, types, to: &bytes) { type, out in
            out.append(0x60)
            out.add(count: type.parameters.count)
            out += type.parameters.map(\.rawValue)
            out.add(count: type.results.count)
            out += type.results.map(\.rawValue)
        }
        Self.add(section: 2, imports, to: &bytes) { item, out in
            out.add(name: item.module)
            out.add(name: item.name)
            out.append(0)
            out.add(count: item.type)
        }
        Self.add(section: 3, functions, to: &bytes) { type, out in out.add(count: type) }
        Self.add(section: 4, table.map { [$0] } ?? [], to: &bytes) { limits, out in
            out.append(0x70)
            out.add(limits: limits)
        }
        Self.add(section: 5, memory.map { [$0] } ?? [], to: &bytes) { limits, out in out.add(limits: limits) }
        Self.add(section: 6, globals, to: &bytes) { global, out in
            out += [global.type.rawValue, global.isMutable ? 1 : 0, global.type == .i32 ? 0x41 : 0x42]
            out.add(signed: global.value)
            out.append(0x0b)
        }
        Self.add(section: 7, exports, to: &bytes) { export, out in
            out.add(name: export.name)
            out.append(export.kind.rawValue)
            out.add(count: export.index)
        }
        addContents(to: &bytes)
        return bytes
    }

    /// Sections from the table's elements on.
    private func addContents(to bytes: inout [UInt8]) {
        Self.add(section: 9, elements, to: &bytes) { item, out in
            out += [0, 0x41]
            out.add(signed: Int64(item.offset))
            out.append(0x0b)
            out.add(count: item.functions.count)
            for function in item.functions { out.add(count: function) }
        }
        Self.add(section: 10, code, to: &bytes) { body, out in
            out.add(count: body.count)
            out += body
        }
        Self.add(section: 11, data, to: &bytes) { segment, out in
            out += [0, 0x41]
            out.add(signed: Int64(segment.address))
            out.append(0x0b)
            out.add(count: segment.bytes.count)
            out += segment.bytes
        }
    }

    private static func add<Item>(
        section: UInt8, _ items: [Item], to bytes: inout [UInt8], _ write: (Item, inout [UInt8]) -> Void
    ) {
        guard !items.isEmpty else { return }
        var contents: [UInt8] = []
        contents.add(count: items.count)
        for item in items { write(item, &contents) }
        bytes.append(section)
        bytes.add(count: contents.count)
        bytes += contents
    }
}

extension [UInt8] {
    /// LEB128 without a sign.
    mutating func add(count: Int) {
        var left = UInt64(count)
        repeat {
            append(UInt8(left & 0x7f) | (left > 0x7f ? 0x80 : 0))
            left >>= 7
        } while left > 0
    }

    /// LEB128 with a sign.
    mutating func add(signed value: Int64) {
        var left = value
        while true {
            let byte = UInt8(left & 0x7f)
            left >>= 7
            if (left == 0 && byte & 0x40 == 0) || (left == -1 && byte & 0x40 != 0) { return append(byte) }
            append(byte | 0x80)
        }
    }

    fileprivate mutating func add(name: String) {
        add(count: name.utf8.count)
        self += Array(name.utf8)
    }

    fileprivate mutating func add(limits: WasmModule.Limits) {
        append(limits.max == nil ? 0 : 1)
        add(count: limits.min)
        if let max = limits.max { add(count: max) }
    }
}
