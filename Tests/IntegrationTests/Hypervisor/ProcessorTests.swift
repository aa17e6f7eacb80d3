import Hypervisor
import LinuxSystem
import Memory
import Testing

/// Several processors, interrupts, and memory that changes under them.
@Suite(.needsKVM, .serialized) struct ProcessorTests {
    @Test func anInterruptWakesAHaltedProcessor() throws {
        let machine = try PayloadMachine()
        try machine.load(Payload.deliveries)
        try machine.load(Payload.countDelivery, at: 0x11000)
        try machine.setHandler(0x40, at: 0x11000)
        try machine.prepare()
        let awaitsInterrupt = try EventDescriptor()
        let run = try ProcessorRun(machine.processors[0]) { _ in
            awaitsInterrupt.signal()
            return []
        }
        for _ in 1...3 {
            try run.wait(for: awaitsInterrupt)
            try machine.machine.interrupt(5)
        }
        let accesses = try run.finish()
        #expect(
            accesses.dropFirst().dropLast() == [
                .output(port: 0xf2, width: 1, values: [1]), .output(port: 0xf2, width: 1, values: [2]),
                .output(port: 0xf2, width: 1, values: [3]),
            ])
    }

    @Test func runningProcessorsSeeMemoryComeAndGo() throws {
        let machine = try PayloadMachine(processorCount: 2)
        try machine.load(Payload.comingAndGoingMemory)
        let file = try MemoryFile(name: "zone", sizeInBytes: 4096)
        try file.descriptor.write(all: [0xee, 0xff, 0xc0, 0x00])
        let mapping = try Mapping(.shared(file.descriptor, offset: 0), sizeInBytes: 4096)
        let missed = [try EventDescriptor(), try EventDescriptor()]
        let found = [try EventDescriptor(), try EventDescriptor()]
        let runs = try machine.processors.map { processor in
            try machine.prepare(processor.index, rsi: UInt64(processor.index))
            return try ProcessorRun(processor) { access in
                switch access {
                case .read: missed[processor.index].signal()
                case .output: found[processor.index].signal()
                default: break
                }
                return []
            }
        }
        for (run, event) in zip(runs, missed) { try run.wait(for: event) }
        try machine.machine.mapMemory(slot: 1, at: GuestAddress(0x1000_0000), mapping)
        for (run, event) in zip(runs, found) { try run.wait(for: event) }
        try machine.machine.unmapMemory(slot: 1)
        for run in runs {
            let afterwards = try run.finish().drop { $0 == .read(address: 0x1000_0000, width: 4) }
            #expect(
                Array(afterwards) == [
                    .output(port: 0xf1, width: 1, values: [0xee]), .read(address: 0x1000_0000, width: 4),
                    .output(port: 0xf4, width: 1, values: [0]),
                ])
        }
        let written = try file.descriptor.read(exactly: 8, at: 8)
        #expect(written == [0xee, 0xff, 0xc0, 0x00, 0xee, 0xff, 0xc0, 0x00])
    }

    @Test func memoryThatTheHostHidesIsInaccessible() throws {
        let machine = try PayloadMachine()
        try machine.load(Payload.comingAndGoingMemory)
        try machine.prepare()
        let reservation = try AddressReservation(sizeInBytes: 4096)
        try machine.machine.mapMemory(slot: 1, at: GuestAddress(0x1000_0000), reservation)
        let hidden = UnexpectedEnd(exit: .inaccessibleMemory)
        #expect(throws: hidden) { try ProcessorRun(machine.processors[0]).finish() }

        let memory = GuestMemory()
        try memory.addRegion(
            at: GuestAddress(0),
            backedBy: try Mapping(in: reservation, at: 0, sizeInBytes: 4096, inSmallPages: [0..<4096]))
        try memory.write([0xee, 0xff, 0xc0, 0x00], at: GuestAddress(0))
        let found = try EventDescriptor()
        let run = try ProcessorRun(machine.processors[0]) { _ in
            found.signal()
            return []
        }
        try run.wait(for: found)
        #expect(try memory.read(4, at: GuestAddress(8)) == [0xee, 0xff, 0xc0, 0x00])
        try reservation.hide(at: 0, sizeInBytes: 4096)
        #expect(throws: hidden) { try run.finish() }
    }

    @Test func aKickEndsAnEndlessLoop() throws {
        let machine = try PayloadMachine()
        try machine.load(Payload.endless)
        for _ in 0..<20 {
            try machine.prepare()
            let loops = try EventDescriptor()
            let run = try ProcessorRun(machine.processors[0]) { _ in
                loops.signal()
                return []
            }
            try run.wait(for: loops)
            #expect(run.stop() > 0)
        }
    }

    @Test func aForbiddenProcessorDoesNotEnterTheGuest() throws {
        let machine = try PayloadMachine()
        try machine.load(Payload.endless)
        try machine.prepare()
        let processor = machine.processors[0]
        processor.forbidRunning()
        #expect(try processor.run() == .interrupted)
        #expect(try processor.run() == .interrupted)
        #expect(try processor.instructionPointer() == PayloadMachine.codeAddress)
        processor.allowRunning()
        #expect(try processor.run() == .port(address: 0xf1, width: 1, count: 1, isWrite: true))
    }

    @Test func processorsStartWhenTheFirstCallsThem() throws {
        let count = 4
        let machine = try PayloadMachine(processorCount: count)
        try machine.load(Payload.startOthers)
        try machine.load(Payload.trampoline, at: 0x8000)
        try machine.load(Payload.startedProcessor, at: 0x12000)
        try machine.prepare(rsi: UInt64(count - 1))
        let runs = try machine.processors.map { try ProcessorRun($0) }
        for (index, run) in runs.enumerated() {
            #expect(try run.finish().first == .output(port: 0xf1, width: 1, values: [UInt64(index)]))
        }
        #expect(try machine.reported(UInt32.self) == UInt32(count - 1))
        for index in 1..<UInt64(count) {
            #expect(try machine.reported(UInt32.self, at: 0x100 + 4 * index) == UInt32(count))
        }
    }

    @Test func moreProcessorsThanKVMTakesAreRefused() throws {
        let machine = try PayloadMachine()
        let most = machine.kvm.maxVirtualCPUs
        let refusal = #expect(throws: HypervisorError.self) { try VirtualCPU(most, of: machine.machine) }
        #expect(refusal.map { "\($0)" } == "\(most + 1) vCPUs are more than KVM's limit of \(most)")
    }

    @Test func overlappingMemoryIsRefused() throws {
        let machine = try PayloadMachine()
        let mapping = try Mapping(.anonymous, sizeInBytes: 8192)
        #expect(throws: HypervisorError.self) {
            try machine.machine.mapMemory(slot: 1, at: GuestAddress(0x7f000), mapping)
        }
    }
}
