import Hypervisor
import LinuxSystem
import Memory
import Testing

/// A stopped machine's state is put into a second machine, which goes on where the first one stopped.
@Suite(.needsKVM, .serialized) struct StateTests {
    /// MSRs that a guest kernel sets once and relies on for ever; the values are ones that a processor accepts.
    private static let registers = [
        ModelSpecificRegister(index: 0xc000_0081, value: 0x0023_0010_0000_0000),  // STAR
        ModelSpecificRegister(index: 0xc000_0082, value: 0xffff_ffff_8100_0080),  // LSTAR
        ModelSpecificRegister(index: 0xc000_0083, value: 0xffff_ffff_8100_1080),  // CSTAR
        ModelSpecificRegister(index: 0xc000_0084, value: 0x0004_7700),  // SFMASK
        ModelSpecificRegister(index: 0xc000_0100, value: 0x0000_7fff_1234_5678),  // FS_BASE
        ModelSpecificRegister(index: 0xc000_0101, value: 0xffff_8880_0000_1000),  // GS_BASE
        ModelSpecificRegister(index: 0xc000_0102, value: 0x0000_7fff_8765_4321),  // KERNEL_GS_BASE
        ModelSpecificRegister(index: 0x174, value: 0x10),  // SYSENTER_CS
        ModelSpecificRegister(index: 0x175, value: 0x8200_0000),  // SYSENTER_ESP, 32 bits on AMD
        ModelSpecificRegister(index: 0x176, value: 0x8100_2080),  // SYSENTER_EIP
        ModelSpecificRegister(index: 0x277, value: 0x0007_0406_0007_0401),  // PAT
        ModelSpecificRegister(index: 0x2ff, value: 0x0000_0c06),  // MTRR default type
        ModelSpecificRegister(index: 0x268, value: 0x0606_0606_0606_0606),  // MTRR, fixed range
        ModelSpecificRegister(index: 0x4b56_4d01, value: clockPage | 1),  // kvm-clock's page
    ]
    private static let clockPage: UInt64 = 0xb000
    private static let pattern = (1...32).map { UInt8($0) }

    /// What a saved machine is besides its memory.
    private struct Saved {
        let machine: VirtualMachineState
        let processors: [VirtualCPUState]

        init(_ source: PayloadMachine) throws {
            processors = try source.processors.map { try $0.state() }
            machine = try source.machine.state()
        }

        func restored(withMemoryOf first: PayloadMachine) throws -> PayloadMachine {
            let second = try PayloadMachine(processorCount: processors.count, memoryOf: first)
            try second.machine.restore(machine)
            for (processor, state) in zip(second.processors, processors) { try processor.restore(state) }
            return second
        }
    }

    /// A machine with `Payload.fillState` done.
    private func filledMachine() throws -> PayloadMachine {
        let machine = try PayloadMachine()
        try machine.load(Payload.fillState + Payload.checkState)
        try machine.load(Payload.timerFired, at: 0x11000)
        try machine.load(Payload.lineRaised, at: 0x11100)
        try machine.setHandler(0x40, at: 0x11000)
        try machine.setHandler(0x41, at: 0x11100)
        try machine.memory.write(Self.pattern, at: GuestAddress(0xa200))
        for (index, register) in Self.registers.enumerated() {
            try machine.memory.store(UInt64(register.index), at: GuestAddress(0xa400 + 16 * UInt64(index)))
            try machine.memory.store(register.value, at: GuestAddress(0xa408 + 16 * UInt64(index)))
        }
        let components: UInt8 = try Self.hasWideVectors(machine) ? 7 : 3
        try machine.prepare(rsi: UInt64(components))
        // XCR0 is not set by the payload: QEMU 7.2's emulated SVM does not let KVM see it.
        var state = try machine.processors[0].state()
        state.extendedControl[16] = components
        try machine.processors[0].restore(state)
        try ProcessorRun(machine.processors[0], until: ProcessorRun.readyPort).finish()
        return machine
    }

    /// CPUID leaf 1 ECX bit 28: AVX.
    private static func hasWideVectors(_ machine: PayloadMachine) throws -> Bool {
        try machine.kvm.supportedCPUID().contains { $0.function == 1 && $0.ecx & 1 << 28 != 0 }
    }

    @Test func aSecondMachineGoesOnWhereTheFirstStopped() throws {
        let first = try filledMachine()
        let saved = try Saved(first)
        let second = try saved.restored(withMemoryOf: first)
        let run = try ProcessorRun(second.processors[0])
        try second.machine.interrupt(5)
        let accesses = try run.finish()
        #expect(accesses.contains(.output(port: 0xf2, width: 1, values: [0])), "the timer that the first machine armed")
        #expect(accesses.contains(.output(port: 0xf3, width: 1, values: [0])), "the line that the first machine routed")
        #expect(try second.reported(at: 0x10) == 0x1122_3344_5566_7788, "R9")
        #expect(try second.reported(at: 0x18) == 0xdeb6, "DR3")
        #expect(try Double(bitPattern: second.reported(at: 0x20)) == .pi, "the x87 stack's top")
        #expect(try second.reported(UInt32.self, at: 0x28) == 0, "the number of an MSR that has another value")
        #expect(try second.memory.read(16, at: GuestAddress(0xa220)) == Array(Self.pattern.prefix(16)), "XMM15")
        if try Self.hasWideVectors(second) {
            #expect(try second.memory.read(32, at: GuestAddress(0xa240)) == Self.pattern, "YMM7")
        }
    }

    @Test func timeGoesOnFromTheSave() throws {
        let first = try filledMachine()
        // struct pvclock_vcpu_time_info: the system time at offset 16, in nanoseconds.
        let clockBefore: UInt64 = try first.memory.load(at: GuestAddress(Self.clockPage + 16))
        let saved = try Saved(first)
        let second = try saved.restored(withMemoryOf: first)
        let clock = try second.machine.state().clockInNanoseconds
        #expect(clock >= saved.machine.clockInNanoseconds)
        #expect(clock - saved.machine.clockInNanoseconds < 60_000_000_000)
        try second.machine.interrupt(5)
        try ProcessorRun(second.processors[0]).finish()
        let (counterBefore, counterAfter) = (try second.reported(at: 0), try second.reported(at: 8))
        #expect(counterAfter > counterBefore)
        #expect(counterAfter - counterBefore < 60 * 1000 * UInt64(saved.processors[0].timeStampCounterKHz))
        let clockAfter: UInt64 = try second.memory.load(at: GuestAddress(Self.clockPage + 16))
        #expect(clockBefore > 0)
        #expect(clockAfter > clockBefore)
    }

    /// What the guest cannot see must arrive too: all parts, byte for byte, but for those that are clocks.
    @Test func aRestoredMachineHasTheSavedState() throws {
        let first = try filledMachine()
        let saved = try Saved(first)
        let second = try saved.restored(withMemoryOf: first)
        let (old, new) = (saved.processors[0], try second.processors[0].state())
        #expect(new.registers == old.registers)
        #expect(new.segments == old.segments)
        #expect(new.extendedState == old.extendedState)
        #expect(new.extendedControl == old.extendedControl)
        #expect(new.debugRegisters == old.debugRegisters)
        #expect(new.localAPIC == old.localAPIC)
        #expect(new.events == old.events)
        #expect(new.multiprocessorState == old.multiprocessorState)
        #expect(new.timeStampCounterKHz == old.timeStampCounterKHz)
        // The TSC, and Hyper-V's run time and reference counters.
        let clocks: Set<UInt32> = [0x10, 0x4000_0010, 0x4000_0020]
        #expect(
            new.modelSpecificRegisters.filter { !clocks.contains($0.index) }
                == old.modelSpecificRegisters.filter { !clocks.contains($0.index) })
        #expect(old.modelSpecificRegisters.contains(ModelSpecificRegister(index: 0x2ff, value: 0xc06)))
        #expect(try second.machine.state().interruptControllers == saved.machine.interruptControllers)
    }

    @Test func aHaltedProcessorIsMovedHaltedAndWakes() throws {
        let first = try PayloadMachine()
        try first.load(Payload.deliveries)
        try first.load(Payload.countDelivery, at: 0x11000)
        try first.setHandler(0x40, at: 0x11000)
        try first.prepare()
        let halted: [UInt8] = [3, 0, 0, 0]  // KVM_MP_STATE_HALTED
        // There is no event for a processor that halts: let it run longer each time, until it has.
        var milliseconds: CInt = 1
        repeat {
            try #require(milliseconds < 10_000)
            let run = try ProcessorRun(first.processors[0])
            try EventLoop().runOnce(timeoutInMilliseconds: milliseconds)
            run.stop()
            milliseconds *= 2
        } while try first.processors[0].state().multiprocessorState != halted
        let second = try Saved(first).restored(withMemoryOf: first)
        #expect(try second.processors[0].state().multiprocessorState == halted)
        let counted = try EventDescriptor()
        let run = try ProcessorRun(second.processors[0]) { _ in
            counted.signal()
            return []
        }
        try second.machine.interrupt(5)
        for _ in 1...2 {
            try run.wait(for: counted)
            try second.machine.interrupt(5)
        }
        #expect(try run.finish().count == 4)
    }

    @Test func aProcessorThatWaitsToBeStartedIsMovedWaiting() throws {
        let first = try PayloadMachine(processorCount: 2)
        try first.load(Payload.startOthers)
        try first.load(Payload.trampoline, at: 0x8000)
        try first.load(Payload.startedProcessor, at: 0x12000)
        try first.prepare(rsi: 1)
        try ProcessorRun(first.processors[0], until: ProcessorRun.readyPort).finish()
        let second = try Saved(first).restored(withMemoryOf: first)
        let runs = try second.processors.map { try ProcessorRun($0) }
        for run in runs { try run.finish() }
        #expect(try second.reported(UInt32.self) == 1)
    }

    @Test func anAccessIsCompletedBeforeTheStateIsRead() throws {
        let first = try PayloadMachine()
        try first.load(Payload.deviceMemoryEcho)
        try first.prepare()
        let processor = first.processors[0]
        #expect(try processor.run() == .memoryRead(address: 0xd000_0000, width: 4))
        processor.completeRead(0xfeed_f00d)
        processor.forbidRunning()
        #expect(try processor.run() == .interrupted)
        let second = try Saved(first).restored(withMemoryOf: first)
        #expect(
            try ProcessorRun(second.processors[0]).finish().first
                == .write(address: 0xd000_0004, width: 4, value: 0xfeed_f00d))
    }
}
