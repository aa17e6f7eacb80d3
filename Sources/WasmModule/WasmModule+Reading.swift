extension WasmModule {
    /// Reads the binary format; sections with names (custom ones) are left out.
    public init(_ bytes: [UInt8]) throws(FormatError) {
        var reader = Reader(bytes: bytes)
        guard bytes.starts(with: [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) else { throw FormatError("no module", at: 0) }
        reader.place = 8
        while reader.place < bytes.count {
            let section = try reader.byte()
            let size = try reader.count()
            let end = reader.place + size
            guard end <= bytes.count else { throw FormatError("a section of \(size) bytes", at: reader.place) }
            try read(section: section, end: end, &reader)
            guard reader.place == end else { throw FormatError("the end of section \(section)", at: reader.place) }
        }
        guard functions.count == code.count else { throw FormatError("\(code.count) bodies", at: bytes.count) }
    }

    private mutating func read(section: UInt8, end: Int, _ reader: inout Reader) throws(FormatError) {
        if section == 0 || section == 12 {
            reader.place = end
            return
        }
        for _ in 0..<(try reader.count()) {
            switch section {
            case 1: types.append(try reader.functionType())
            case 2: imports.append(try reader.importedFunction())
            case 3: functions.append(try reader.count())
            case 4:
                try reader.expect(0x70, "a table's type")
                table = try reader.limits()
            case 5: memory = try reader.limits()
            case 6: globals.append(try reader.global())
            case 7: exports.append(try reader.export())
            case 9:
                try reader.expect(0, "a kind of elements")
                let offset = try reader.constant()
                var functions: [Int] = []
                for _ in 0..<(try reader.count()) { functions.append(try reader.count()) }
                elements.append(Elements(offset: offset, functions: functions))
            case 10: code.append(try reader.take(try reader.count()))
            case 11:
                try reader.expect(0, "a kind of data")
                let address = try reader.constant()
                data.append(Segment(address: address, bytes: try reader.take(try reader.count())))
            default: throw FormatError("section \(section)", at: reader.place)
            }
        }
    }

    private struct Reader {
        let bytes: [UInt8]
        var place = 0

        mutating func byte() throws(FormatError) -> UInt8 {
            guard place < bytes.count else { throw FormatError("the end", at: place) }
            place += 1
            return bytes[place - 1]
        }

        mutating func expect(_ wanted: UInt8, _ what: String) throws(FormatError) {
            let found = try byte()
            guard found == wanted else { throw FormatError("\(what) \(found)", at: place - 1) }
        }

        mutating func count() throws(FormatError) -> Int {
            var value = 0
            for shift in stride(from: 0, to: 35, by: 7) {
                let byte = try byte()
                value |= Int(byte & 0x7f) << shift
                if byte < 0x80 { return value }
            }
            throw FormatError("a long number", at: place)
        }

        mutating func signed() throws(FormatError) -> Int64 {
            var value: Int64 = 0
            var shift: Int64 = 0
            while shift < 70 {
                let byte = try byte()
                value |= Int64(byte & 0x7f) << shift
                shift += 7
                if byte < 0x80 {
                    if byte & 0x40 != 0, shift < 64 { value |= -1 << shift }
                    return value
                }
            }
            throw FormatError("a long number", at: place)
        }

        mutating func take(_ count: Int) throws(FormatError) -> [UInt8] {
            guard count <= bytes.count - place else { throw FormatError("\(count) bytes", at: place) }
            place += count
            return Array(bytes[(place - count)..<place])
        }

        mutating func name() throws(FormatError) -> String { String(decoding: try take(try count()), as: UTF8.self) }

        mutating func valueType() throws(FormatError) -> ValueType {
            let byte = try byte()
            guard let type = ValueType(rawValue: byte) else {
                throw FormatError("a value of type \(byte)", at: place - 1)
            }
            return type
        }

        mutating func functionType() throws(FormatError) -> FunctionType {
            try expect(0x60, "a type")
            var type = FunctionType([], [])
            for _ in 0..<(try count()) { type.parameters.append(try valueType()) }
            for _ in 0..<(try count()) { type.results.append(try valueType()) }
            return type
        }

        mutating func importedFunction() throws(FormatError) -> Import {
            let module = try name()
            let name = try name()
            try expect(0, "an import's kind")
            return Import(module: module, name: name, type: try count())
        }

        mutating func limits() throws(FormatError) -> Limits {
            let flags = try byte()
            guard flags < 2 else { throw FormatError("limits \(flags)", at: place - 1) }
            let min = try count()
            return Limits(min: min, max: flags == 1 ? try count() : nil)
        }

        mutating func constant() throws(FormatError) -> Int {
            try expect(0x41, "an offset")
            let value = Int(try signed())
            try expect(0x0b, "an offset's end")
            return value
        }

        mutating func global() throws(FormatError) -> Global {
            let type = try valueType()
            let isMutable = try byte() == 1
            let operation = try byte()
            guard operation == (type == .i32 ? 0x41 : 0x42), type != .f64 else {
                throw FormatError("a global's value", at: place - 1)
            }
            let value = try signed()
            try expect(0x0b, "a global's end")
            return Global(type: type, isMutable: isMutable, value: value)
        }

        mutating func export() throws(FormatError) -> Export {
            let name = try name()
            let number = try byte()
            guard let kind = ExportKind(rawValue: number) else { throw FormatError("an export", at: place - 1) }
            return Export(name: name, kind: kind, index: try count())
        }
    }
}
