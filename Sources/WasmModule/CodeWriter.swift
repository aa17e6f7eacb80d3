/// Makes a function's body. Labels are absolute: the depth of the block that they name.
public struct CodeWriter {
    /// Instructions without an operand of their own.
    public enum Operation: UInt8, Sendable {
        case unreachable = 0x00
        case `return` = 0x0f
        case drop = 0x1a
        case select = 0x1b
        case i32EqualZero = 0x45
        case i32Equal = 0x46
        case i32LessUnsigned = 0x49
        case i32GreaterUnsigned = 0x4b
        case i32GreaterEqualUnsigned = 0x4f
        case i64Equal = 0x51
        case i64NotEqual = 0x52
        case i64LessUnsigned = 0x54
        case f64Equal = 0x61
        case f64NotEqual = 0x62
        case f64Less = 0x63
        case f64Greater = 0x64
        case f64LessEqual = 0x65
        case f64GreaterEqual = 0x66
        case i32Add = 0x6a
        case i32Subtract = 0x6b
        case i32And = 0x71
        case i32Or = 0x72
        case i32ShiftLeft = 0x74
        case i64Or = 0x84
        case i64ShiftRight = 0x88
        case f64Absolute = 0x99
        case f64Negate = 0x9a
        case f64Ceiling = 0x9b
        case f64Floor = 0x9c
        case f64Truncate = 0x9d
        case f64SquareRoot = 0x9f
        case f64Add = 0xa0
        case f64Subtract = 0xa1
        case f64Multiply = 0xa2
        case f64Divide = 0xa3
        case i32WrapI64 = 0xa7
        case i64ExtendI32Unsigned = 0xad
        case i64ReinterpretF64 = 0xbd
        case f64ReinterpretI64 = 0xbf
        case f64ConvertI32Unsigned = 0xb8
    }

    private var bytes: [UInt8] = []
    private var locals: [WasmModule.ValueType] = []
    private let parameterCount: Int
    /// How many blocks are open.
    public private(set) var depth = 0

    public init(parameterCount: Int) { self.parameterCount = parameterCount }

    /// A new local variable's index.
    public mutating func addLocal(_ type: WasmModule.ValueType) -> Int {
        locals.append(type)
        return parameterCount + locals.count - 1
    }

    public mutating func add(_ operation: Operation) { bytes.append(operation.rawValue) }

    /// A number as a whole one without a sign; what is none becomes the nearest.
    public mutating func truncateToI32() { bytes += [0xfc, 0x03] }

    public mutating func i32(_ value: Int32) {
        bytes.append(0x41)
        bytes.add(signed: Int64(value))
    }

    public mutating func i64(_ value: UInt64) {
        bytes.append(0x42)
        bytes.add(signed: Int64(bitPattern: value))
    }

    public mutating func f64(_ value: Double) {
        bytes.append(0x44)
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> shift))
        }
    }

    public mutating func getLocal(_ index: Int) { add(0x20, index) }
    public mutating func setLocal(_ index: Int) { add(0x21, index) }
    public mutating func teeLocal(_ index: Int) { add(0x22, index) }
    public mutating func getGlobal(_ index: Int) { add(0x23, index) }
    public mutating func setGlobal(_ index: Int) { add(0x24, index) }
    public mutating func call(_ function: Int) { add(0x10, function) }

    private mutating func add(_ code: UInt8, _ index: Int) {
        bytes.append(code)
        bytes.add(count: index)
    }

    public mutating func loadI32(offset: Int) { addMemory(0x28, 2, offset) }
    public mutating func loadI64(offset: Int) { addMemory(0x29, 3, offset) }
    public mutating func storeI32(offset: Int) { addMemory(0x36, 2, offset) }
    public mutating func storeI64(offset: Int) { addMemory(0x37, 3, offset) }

    private mutating func addMemory(_ code: UInt8, _ alignment: UInt8, _ offset: Int) {
        bytes += [code, alignment]
        bytes.add(count: offset)
    }

    /// Opens a block: its label.
    public mutating func block(_ type: WasmModule.ValueType? = nil) -> Int { open(0x02, type) }
    /// Opens a loop: its label, which is its beginning.
    public mutating func loop() -> Int { open(0x03, nil) }
    /// Opens the branch for a value that is not 0: its label.
    @discardableResult
    public mutating func `if`(_ type: WasmModule.ValueType? = nil) -> Int { open(0x04, type) }
    public mutating func `else`() { bytes.append(0x05) }

    private mutating func open(_ code: UInt8, _ type: WasmModule.ValueType?) -> Int {
        bytes += [code, type?.rawValue ?? 0x40]
        depth += 1
        return depth
    }

    public mutating func end() {
        bytes.append(0x0b)
        depth -= 1
    }

    public mutating func branch(to label: Int) { add(0x0c, depth - label) }
    public mutating func branchIf(to label: Int) { add(0x0d, depth - label) }

    /// The body, with its end.
    public func finish() -> [UInt8] {
        precondition(depth == 0, "\(depth) blocks are open")
        var body: [UInt8] = []
        body.add(count: locals.count)
        for type in locals {
            body.add(count: 1)
            body.append(type.rawValue)
        }
        return body + bytes + [0x0b]
    }
}
