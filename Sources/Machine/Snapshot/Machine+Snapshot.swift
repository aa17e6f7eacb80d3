import Devices
import Hypervisor
public import LinuxSystem
import Memory
import Virtio
import Zones

extension Machine {
    /// Writes a machine that has run and is stopped again into two empty files, from which others can be restored
    /// (`Snapshot`). Zones are not in it: none may be plugged. After a failure the files mean nothing.
    ///
    /// - Parameters:
    ///   - stateFile: gets all but memory.
    ///   - memoryFile: gets base memory.
    ///   - identity: which files and choices the machine was made of; a machine that is restored from it must be made of
    ///     the same.
    ///   - attachment: the caller's own, for `attachment` of a restored machine; at most `StateFile.maxBytes` with the
    ///     rest.
    public func save(
        state stateFile: OwnedDescriptor, memory memoryFile: OwnedDescriptor, identity: String,
        attachment: [UInt8] = []
    ) throws(SnapshotError) {
        guard zoneDevices.allSatisfy({ $0.pluggedSizeInBytes == 0 && $0.requestedSizeInBytes == 0 }) else {
            throw .other("a zone is plugged: a snapshot has none")
        }
        // Completing what a processor was in the middle of may still change memory and devices.
        for processor in processors { try processor.settle(handing: self) }
        do {
            let state = MachineState(
                identity: identity, shape: shape, memory: try writeMemory(to: memoryFile),
                machine: try virtualMachine.state(), processors: try processors.map { try $0.cpu.state() },
                serial: lock.locked { Self.saved { serial?.save(to: &$0) } },
                devices: lock.locked { slots.map { slot in Self.saved { slot.transport.save(to: &$0) } } },
                attachment: attachment)
            try stateFile.write(all: state.bytes)
            try stateFile.writeOut()
        } catch let error as SnapshotError { throw error } catch { throw .other("\(error)") }
    }

    private static func saved(_ save: (inout StateWriter) -> Void) -> [UInt8] {
        var writer = StateWriter()
        save(&writer)
        return writer.bytes
    }

    private func writeMemory(to file: OwnedDescriptor) throws -> MachineState.MemoryFileMark {
        // Before it is written: file systems reserve room behind the end of a file that grows, and keep it.
        try file.setSize(ram.base.reduce(0) { $0 + UInt64($1.sizeInBytes) })
        var offset: UInt64 = 0
        for mapping in ram.base {
            try mapping.writeSparsely(to: file, at: offset)
            offset += UInt64(mapping.sizeInBytes)
        }
        try file.writeOut()
        return MachineState.MemoryFileMark(try file.status())
    }

    /// What the machine is, to be compared with another's.
    var shape: MachineShape {
        MachineShape(
            baseSizes: layout.baseRanges.map(\.sizeInBytes), zoneSizes: layout.zones.map(\.sizeInBytes),
            imageSizes: layout.images.map { $0?.sizeInBytes ?? 0 },
            devices: slots.map { $0.transport.device.type.rawValue },
            processor: processorFeatures, virtualCPUs: processors.count)
    }
}

extension Machine {
    /// Makes the machine's parts what the saved ones were. Its processors have been made and have not run.
    func restore(_ state: MachineState) throws(SnapshotError) {
        try state.shape.check(against: shape)
        do {
            try virtualMachine.restore(state.machine)
            for (processor, saved) in zip(processors, state.processors) { try processor.cpu.restore(saved) }
            try Self.restore("console", state.serial) { reader throws(StateError) in try serial?.restore(from: &reader)
            }
            for (slot, saved) in zip(slots, state.devices) {
                try Self.restore("virtio", saved) { reader throws(StateError) in
                    try slot.transport.restore(from: &reader)
                }
            }
            filledPlaces = slots.indices.filter {
                state.shape.devices[$0] != shape.devices[$0]
            }
        } catch let error as StateError { throw .state(error) } catch { throw .other("\(error)") }
    }

    private static func restore(
        _ section: String, _ saved: [UInt8], _ body: (inout StateReader) throws(StateError) -> Void
    ) throws(StateError) {
        var reader = StateReader(saved)
        try body(&reader)
        guard reader.remaining == 0 else { throw .trailingBytes(section: section, count: reader.remaining) }
    }

    /// Before a restored machine runs, with the device lock held: its devices take up what was under way, and its guest
    /// learns that nobody holds the other ends of its connections any more.
    func resumeDevices() {
        serial?.resume()
        for slot in slots { slot.transport.resume() }
        vsock.resetTransport()
    }

    /// What a machine that was restored from a snapshot, and is stopped again, has written of its base memory.
    public func workingSet() -> WorkingSet {
        var runs: [Range<UInt32>] = []
        var fileOffset: UInt64 = 0
        for mapping in ram.base {
            let first = UInt32(fileOffset / WorkingSet.pageSize)
            runs += mapping.privatePages.map { first + UInt32($0.lowerBound)..<first + UInt32($0.upperBound) }
            fileOffset += UInt64(mapping.sizeInBytes)
        }
        return WorkingSet(runs: runs)
    }
}

extension MachineState.MemoryFileMark {
    init(_ status: FileStatus) {
        self.init(sizeInBytes: status.sizeInBytes, modified: UInt64(clamping: status.modified))
    }
}

extension VirtualCPUThread {
    /// A processor completes at most a few exits after running is forbidden: the one that it was at, and the parts of an
    /// instruction that accesses devices several times.
    private static let maxExits = 64

    /// After `join`: completes what the processor is in the middle of, so that its state is whole.
    func settle(handing exits: any Exits) throws(SnapshotError) {
        for _ in 0..<Self.maxExits {
            let exit: VirtualCPUExit
            do { exit = try cpu.run() } catch { throw .other("\(error)") }
            if exit == .interrupted { return }
            if let end = handle(exit, exits) { throw .other("vCPU \(cpu.index): \(end)") }
        }
        throw .restless(processor: cpu.index)
    }
}
