import Trace
import TraceRuntime
import WasmModule

/// What compiled code has in memory from the beginning: strings, and cells of top-level variables.
struct LiteralPool {
    private(set) var bytes: [UInt8] = []
    private let base: Int
    private var texts: [TraceText: Int] = [:]
    private var order: [Int] = []

    /// - Parameter base: where the runtime's own memory ends.
    init(base: Int) { self.base = (base + 7) & ~7 }

    /// The end, where the heap may begin.
    var end: Int { base + bytes.count }

    private mutating func reserve(_ contents: [UInt8]) -> Int {
        let address = end
        bytes += contents
        while bytes.count % 8 != 0 { bytes.append(0) }
        return address
    }

    /// The address of a string.
    mutating func text(_ text: TraceText) -> Int {
        if let address = texts[text] { return address }
        let isWide = text.units.contains { $0 > 255 }
        var contents = Self.little(UInt32(text.units.count)) + [isWide ? 1 : 0, 0, 0, 0, 0, 0, 0, 0]
        for unit in text.units {
            contents.append(UInt8(truncatingIfNeeded: unit))
            if isWide { contents.append(UInt8(unit >> 8)) }
        }
        let address = reserve(contents)
        texts[text] = address
        order.append(address)
        return address
    }

    /// The address of a cell for a variable, with no value yet.
    mutating func cell() -> Int {
        let value = Value.uninitialized
        return reserve(Self.little(UInt32(truncatingIfNeeded: value)) + Self.little(UInt32(value >> 32)))
    }

    /// The list of all strings: its address, and how many they are.
    mutating func list() -> (address: Int, count: Int) {
        (reserve(order.flatMap { Self.little(UInt32($0)) }), order.count)
    }

    private static func little(_ value: UInt32) -> [UInt8] {
        [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    var segment: WasmModule.Segment { WasmModule.Segment(address: base, bytes: bytes) }
}
