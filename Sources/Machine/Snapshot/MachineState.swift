import Devices
import Hypervisor

/// All that a stopped machine is besides its memory, as it stands in a state file.
struct MachineState: Equatable {
    /// The build and the files that it was made by; compared as a whole.
    var identity: String
    var shape: MachineShape
    var memory: MemoryFileMark
    var machine: VirtualMachineState
    var processors: [VirtualCPUState]
    /// What the serial port saved of itself.
    var serial: [UInt8]
    /// What each transport saved of itself and its device, in the devices' order.
    var devices: [[UInt8]]
    /// The supervisor's own bytes, which it gets back when the machine is restored; of no meaning here.
    var attachment: [UInt8] = []

    /// By what a memory file is known again. The file is not read: it is as large as the guest.
    struct MemoryFileMark: Equatable {
        var sizeInBytes: UInt64
        /// Nanoseconds since 1970.
        var modified: UInt64
    }
}

extension MachineState {
    private static let version: UInt16 = 1

    var bytes: [UInt8] {
        var writer = StateWriter()
        writer.section("identity", version: Self.version) { $0.write(identity) }
        shape.save(to: &writer)
        writer.section("memory", version: Self.version) {
            $0.write(memory.sizeInBytes)
            $0.write(memory.modified)
        }
        writer.section("machine", version: Self.version) {
            $0.write(machine.clockInNanoseconds)
            $0.write(UInt32(machine.interruptControllers.count))
            for controller in machine.interruptControllers { $0.write(controller) }
        }
        for processor in processors { processor.save(to: &writer) }
        writer.section("console", version: Self.version) { $0.write(serial) }
        for device in devices { writer.section("virtio", version: Self.version) { $0.write(device) } }
        writer.section("attachment", version: Self.version) { $0.write(attachment) }
        return StateFile.bytes(of: writer.bytes)
    }

    /// Reads a state file. A file of another identity is refused before anything else in it is looked at.
    init(_ bytes: [UInt8], identity expected: String) throws(SnapshotError) {
        var reader = StateReader(try StateFile.body(of: bytes))
        let identity: String
        do throws(StateError) {
            identity = try reader.section("identity", newest: Self.version) { (reader, _) throws(StateError) in
                try reader.readText()
            }
        } catch { throw .state(error) }
        guard identity == expected else { throw .identity }
        do throws(StateError) { self = try Self.read(&reader, identity) } catch { throw .state(error) }
    }

    private static func read(_ reader: inout StateReader, _ identity: String) throws(StateError) -> MachineState {
        let shape = try MachineShape(from: &reader)
        guard (1...MachineConfiguration.maxVirtualCPUs).contains(shape.virtualCPUs) else {
            throw .invalid("\(shape.virtualCPUs) vCPUs")
        }
        let memory = try reader.section("memory", newest: version) { (reader, _) throws(StateError) in
            MemoryFileMark(sizeInBytes: try reader.read(), modified: try reader.read())
        }
        let machine = try reader.section("machine", newest: version) { (reader, _) throws(StateError) in
            try readMachine(&reader)
        }
        var processors: [VirtualCPUState] = []
        for _ in 0..<shape.virtualCPUs { processors.append(try VirtualCPUState(from: &reader)) }
        let serial = try Self.bytes(of: "console", &reader)
        var devices: [[UInt8]] = []
        for _ in shape.devices {
            devices.append(try Self.bytes(of: "virtio", &reader))
        }
        let attachment = try Self.bytes(of: "attachment", &reader)
        guard reader.remaining == 0 else { throw .trailingBytes(section: "state file", count: reader.remaining) }
        return MachineState(
            identity: identity, shape: shape, memory: memory, machine: machine, processors: processors, serial: serial,
            devices: devices, attachment: attachment)
    }

    private static func bytes(of section: String, _ reader: inout StateReader) throws(StateError) -> [UInt8] {
        try reader.section(section, newest: version) { (reader, _) throws(StateError) in try reader.readBytes() }
    }

    private static func readMachine(_ reader: inout StateReader) throws(StateError) -> VirtualMachineState {
        let clock: UInt64 = try reader.read()
        let count = try reader.read(UInt32.self)
        guard count <= 8 else { throw .invalid("\(count) interrupt controllers") }
        var controllers: [[UInt8]] = []
        for _ in 0..<count { controllers.append(try reader.readBytes()) }
        return VirtualMachineState(interruptControllers: controllers, clockInNanoseconds: clock)
    }
}

extension VirtualCPUState {
    fileprivate func save(to writer: inout StateWriter) {
        writer.section("processor", version: 1) { writer in
            for part in [
                registers, segments, extendedState, extendedControl, debugRegisters, localAPIC, events,
                multiprocessorState,
            ] { writer.write(part) }
            writer.write(UInt32(modelSpecificRegisters.count))
            for register in modelSpecificRegisters {
                writer.write(register.index)
                writer.write(register.value)
            }
            writer.write(timeStampCounterKHz)
        }
    }

    fileprivate init(from reader: inout StateReader) throws(StateError) {
        self = try reader.section("processor", newest: 1) { (reader, _) throws(StateError) in
            var parts: [[UInt8]] = []
            for _ in 0..<8 { parts.append(try reader.readBytes()) }
            let count = Int(try reader.read(UInt32.self))
            // Each takes 12 bytes of what is left.
            guard count <= reader.remaining / 12 else {
                throw .truncated(wanted: count, remaining: reader.remaining / 12)
            }
            var registers: [ModelSpecificRegister] = []
            for _ in 0..<count {
                registers.append(ModelSpecificRegister(index: try reader.read(), value: try reader.read()))
            }
            return VirtualCPUState(
                registers: parts[0], segments: parts[1], extendedState: parts[2], extendedControl: parts[3],
                debugRegisters: parts[4], localAPIC: parts[5], events: parts[6], multiprocessorState: parts[7],
                modelSpecificRegisters: registers, timeStampCounterKHz: try reader.read())
        }
    }
}
