/// A module: the parts of the binary format (WebAssembly Core 1.0, section 5) that czone's modules have.
public struct WasmModule: Equatable, Sendable {
    public enum ValueType: UInt8, Sendable {
        case i32 = 0x7f
        case i64 = 0x7e
        case f64 = 0x7c
    }

    public struct FunctionType: Hashable, Sendable {
        public var parameters: [ValueType]
        public var results: [ValueType]

        public init(_ parameters: [ValueType], _ results: [ValueType]) {
            self.parameters = parameters
            self.results = results
        }
    }

    /// An imported function. Nothing else is imported.
    public struct Import: Equatable, Sendable {
        public var module: String
        public var name: String
        public var type: Int

        public init(module: String, name: String, type: Int) {
            self.module = module
            self.name = name
            self.type = type
        }
    }

    public struct Global: Equatable, Sendable {
        public var type: ValueType
        public var isMutable: Bool
        /// Of a constant `i32` or `i64`.
        public var value: Int64

        public init(type: ValueType, isMutable: Bool, value: Int64) {
            self.type = type
            self.isMutable = isMutable
            self.value = value
        }
    }

    public enum ExportKind: UInt8, Sendable { case function, table, memory, global }

    public struct Export: Equatable, Sendable {
        public var name: String
        public var kind: ExportKind
        public var index: Int

        public init(name: String, kind: ExportKind, index: Int) {
            self.name = name
            self.kind = kind
            self.index = index
        }
    }

    public struct Limits: Equatable, Sendable {
        public var min: Int
        public var max: Int?

        public init(min: Int, max: Int?) {
            self.min = min
            self.max = max
        }
    }

    /// Functions that a table has from a place on.
    public struct Elements: Equatable, Sendable {
        public var offset: Int
        public var functions: [Int]

        public init(offset: Int, functions: [Int]) {
            self.offset = offset
            self.functions = functions
        }
    }

    /// Bytes that memory has from an address on.
    public struct Segment: Equatable, Sendable {
        public var address: Int
        public var bytes: [UInt8]

        public init(address: Int, bytes: [UInt8]) {
            self.address = address
            self.bytes = bytes
        }
    }

    public var types: [FunctionType] = []
    public var imports: [Import] = []
    /// Types of the functions that are not imported; their bodies are `code`.
    public var functions: [Int] = []
    public var table: Limits?
    public var memory: Limits?
    public var globals: [Global] = []
    public var exports: [Export] = []
    public var elements: [Elements] = []
    /// Local declarations and instructions of each function.
    public var code: [[UInt8]] = []
    public var data: [Segment] = []

    public init() {}

    /// What is no module, or none of ours.
    public struct FormatError: Error, CustomStringConvertible {
        public let description: String

        init(_ what: String, at place: Int) { description = "\(what) at byte \(place), expected a module of czone's" }
    }

    /// The index of a function that is exported.
    public func function(named name: String) -> Int? {
        exports.first { $0.name == name && $0.kind == .function }?.index
    }

    /// The index of a global that is exported.
    public func global(named name: String) -> Int? {
        exports.first { $0.name == name && $0.kind == .global }?.index
    }

    /// The index of a type, which is added where there was none.
    public mutating func index(of type: FunctionType) -> Int {
        if let index = types.firstIndex(of: type) { return index }
        types.append(type)
        return types.count - 1
    }

    /// Adds a function: its index.
    public mutating func addFunction(_ type: FunctionType, body: [UInt8]) -> Int {
        functions.append(index(of: type))
        code.append(body)
        return imports.count + functions.count - 1
    }

    /// Takes memory's contents for the module's own: what is not zero of them.
    public mutating func takeMemory(_ bytes: [UInt8]) {
        data = []
        // Gaps of zeros shorter than this cost less than another segment.
        let leastGap = 64
        var start: Int?
        var end = 0
        for place in bytes.indices where bytes[place] != 0 {
            if let begin = start, place - end > leastGap {
                data.append(Segment(address: begin, bytes: Array(bytes[begin..<end])))
                start = place
            }
            if start == nil { start = place }
            end = place + 1
        }
        if let begin = start { data.append(Segment(address: begin, bytes: Array(bytes[begin..<end]))) }
    }
}
