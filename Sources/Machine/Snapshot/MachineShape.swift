import Devices
import Hypervisor

/// What a machine must have in common with the one that a snapshot was made of.
struct MachineShape: Equatable {
    var baseSizes: [UInt64]
    var zoneSizes: [UInt64]
    /// 0: a place for an image, which fits any.
    var imageSizes: [UInt64]
    /// The virtio devices' types in their order; a placeholder fits any.
    var devices: [UInt32]
    /// What CPUID answers on the first processor; the number of processors is in it too.
    var processor: [CPUIDEntry]
    var virtualCPUs: Int

    /// Names the first respect in which they differ.
    func check(against machine: MachineShape) throws(SnapshotError) {
        func check<Value: Equatable>(_ what: String, _ path: KeyPath<MachineShape, Value>) throws(SnapshotError) {
            let (mine, expected) = (self[keyPath: path], machine[keyPath: path])
            if mine != expected { throw .shape(what, found: "\(mine)", expected: "\(expected)") }
        }
        try check("vCPUs", \.virtualCPUs)
        try check("base memory", \.baseSizes)
        try check("zones", \.zoneSizes)
        func checkPlaces<Value: FixedWidthInteger>(
            _ what: String, _ path: KeyPath<MachineShape, [Value]>
        ) throws(SnapshotError) {
            let (mine, expected) = (self[keyPath: path], machine[keyPath: path])
            guard mine.count == expected.count, zip(mine, expected).allSatisfy({ $0 == $1 || $0 == 0 }) else {
                throw .shape(what, found: "\(mine)", expected: "\(expected)")
            }
        }
        try checkPlaces("images", \.imageSizes)
        try checkPlaces("virtio devices", \.devices)
        guard let different = zip(processor, machine.processor).first(where: { $0 != $1 })?.0 else {
            guard processor.count == machine.processor.count else { throw .processor(function: 0, index: 0) }
            return
        }
        throw .processor(function: different.function, index: different.index)
    }
}

extension MachineShape {
    static let section = "shape"
    private static let version: UInt16 = 1
    /// No list of a shape is longer.
    private static let maxEntries = 4096

    func save(to writer: inout StateWriter) {
        writer.section(Self.section, version: Self.version) { writer in
            writer.write(UInt32(virtualCPUs))
            for list in [baseSizes, zoneSizes, imageSizes] {
                writer.write(UInt32(list.count))
                for value in list { writer.write(value) }
            }
            writer.write(UInt32(devices.count))
            for device in devices { writer.write(device) }
            writer.write(UInt32(processor.count))
            for entry in processor {
                for word in [entry.function, entry.index, entry.flags, entry.eax, entry.ebx, entry.ecx, entry.edx] {
                    writer.write(word)
                }
            }
        }
    }

    init(from reader: inout StateReader) throws(StateError) {
        self = try reader.section(Self.section, newest: Self.version) { (reader, _) throws(StateError) in
            let virtualCPUs = Int(try reader.read(UInt32.self))
            var sizes: [[UInt64]] = []
            for _ in 0..<3 { sizes.append(try Self.list(&reader) { reader throws(StateError) in try reader.read() }) }
            let devices = try Self.list(&reader) { reader throws(StateError) in try reader.read(UInt32.self) }
            let processor = try Self.list(&reader) { reader throws(StateError) in
                CPUIDEntry(
                    function: try reader.read(), index: try reader.read(), flags: try reader.read(),
                    eax: try reader.read(), ebx: try reader.read(), ecx: try reader.read(), edx: try reader.read())
            }
            return MachineShape(
                baseSizes: sizes[0], zoneSizes: sizes[1], imageSizes: sizes[2], devices: devices, processor: processor,
                virtualCPUs: virtualCPUs)
        }
    }

    private static func list<Value>(
        _ reader: inout StateReader, _ read: (inout StateReader) throws(StateError) -> Value
    ) throws(StateError) -> [Value] {
        let count = Int(try reader.read(UInt32.self))
        guard count <= maxEntries else { throw .invalid("a list of \(count): expected at most \(maxEntries)") }
        var values: [Value] = []
        for _ in 0..<count { values.append(try read(&reader)) }
        return values
    }
}
