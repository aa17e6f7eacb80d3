import Hypervisor
import Testing

/// A saved state comes from a file, which may be cut off, altered or foreign: it is refused with an error that says why.
@Suite(.needsKVM, .serialized) struct MalformedStateTests {
    private func refusal(_ change: (inout VirtualCPUState) -> Void) throws -> String {
        let machine = try PayloadMachine()
        try machine.prepare()
        var state = try machine.processors[0].state()
        change(&state)
        let error = #expect(throws: HypervisorError.self) { try machine.processors[0].restore(state) }
        return error.map { "\($0)" } ?? ""
    }

    @Test func aPartThatIsCutOffIsRefused() throws {
        let parts: [(WritableKeyPath<VirtualCPUState, [UInt8]>, String)] = [
            (\.registers, "registers of 143 bytes, expected 144"),
            (\.segments, "segment registers of 311 bytes, expected 312"),
            (\.extendedControl, "extended control registers of 391 bytes, expected 392"),
            (\.debugRegisters, "debug registers of 127 bytes, expected 128"),
            (\.localAPIC, "the local APIC of 1023 bytes, expected 1024"),
            (\.events, "pending events of 63 bytes, expected 64"),
            (\.multiprocessorState, "the MP state of 3 bytes, expected 4"),
        ]
        for (part, why) in parts {
            #expect(try refusal { $0[keyPath: part].removeLast() } == "saved state does not fit: " + why)
            #expect(try refusal { $0[keyPath: part] = [] }.hasPrefix("saved state does not fit: "))
        }
    }

    @Test func anExtendedStateOfAnotherSizeIsRefused() throws {
        #expect(try refusal { $0.extendedState.removeLast() }.hasPrefix("saved state does not fit: XSAVE area of "))
        #expect(try refusal { $0.extendedState.append(0) }.hasPrefix("saved state does not fit: XSAVE area of "))
    }

    @Test func impossibleControlRegistersAreRefused() throws {
        // struct kvm_sregs: CR0 follows eight segments and two tables; paging without protection cannot be.
        let refusal = try refusal { $0.segments.replaceSubrange(224..<232, with: [0, 0, 0, 0x80, 0, 0, 0, 0]) }
        #expect(refusal.hasPrefix("cannot set segment registers of vCPU 0: "))
    }

    @Test func anExtendedStateWithUnknownComponentsIsRefused() throws {
        let refusal = try refusal { $0.extendedState.replaceSubrange(512..<520, with: [3, 0, 0, 0, 0, 0, 0, 0x40]) }
        #expect(refusal == "cannot set the XSAVE area: Invalid argument")
    }

    @Test func anUnknownModelSpecificRegisterIsRefused() throws {
        let refusal = try refusal {
            $0.modelSpecificRegisters.insert(ModelSpecificRegister(index: 0x4000_beef, value: 0x12), at: 0)
        }
        #expect(
            refusal
                == "saved state does not fit: this host refuses the value 0x12 of model-specific register 0x4000beef")
    }

    @Test func anImpossibleValueOfAModelSpecificRegisterIsRefused() throws {
        let refusal = try refusal { $0.modelSpecificRegisters = [ModelSpecificRegister(index: 0x277, value: 0x99)] }
        #expect(
            refusal == "saved state does not fit: this host refuses the value 0x99 of model-specific register 0x277")
    }

    /// One request of KVM takes fewer: all are set nevertheless.
    @Test func manyRegistersAreSetInSeveralRequests() throws {
        let machine = try PayloadMachine()
        try machine.prepare()
        let registers = (0..<700).map { ModelSpecificRegister(index: 0xc000_0082, value: $0) }
        try machine.processors[0].setModelSpecificRegisters(registers)
        let state = try machine.processors[0].state()
        #expect(state.modelSpecificRegisters.first { $0.index == 0xc000_0082 }?.value == 699)
    }

    @Test func interruptControllersOfAnotherFormAreRefused() throws {
        let machine = try PayloadMachine().machine
        let good = try machine.state()
        var missing = good
        missing.interruptControllers.removeLast()
        var short = good
        short.interruptControllers[2].removeLast()
        var exchanged = good
        exchanged.interruptControllers.swapAt(0, 2)
        for bad in [missing, short, exchanged] {
            let error = #expect(throws: HypervisorError.self) { try machine.restore(bad) }
            #expect(error.map { "\($0)" }?.hasPrefix("saved state does not fit: interrupt controller") == true)
        }
        try machine.restore(good)
    }
}
