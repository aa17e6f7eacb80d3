import Testing

@testable import Hypervisor

/// A timer's interrupt that a vCPU owes itself when it is saved.
@Suite struct PendingTimerTests {
    private static func state(entry: UInt32, deadline: UInt64) -> VirtualCPUState {
        var localAPIC = [UInt8](repeating: 0, count: 1024)
        for byte in 0..<4 { localAPIC[0x320 + byte] = UInt8(truncatingIfNeeded: entry >> (8 * byte)) }
        return VirtualCPUState(
            registers: [], segments: [], extendedState: [], extendedControl: [], debugRegisters: [],
            localAPIC: localAPIC, events: [], multiprocessorState: [],
            modelSpecificRegisters: [.init(index: 0x6e0, value: deadline), .init(index: 0x10, value: 1234)],
            timeStampCounterKHz: 1)
    }

    private static func deadline(entry: UInt32, deadline: UInt64) -> UInt64? {
        var state = state(entry: entry, deadline: deadline)
        state.owePendingTimerInterrupt()
        #expect(state.modelSpecificRegisters[1].value == 1234)
        return state.modelSpecificRegisters[0].value
    }

    @Test func aDeadlineThatWasClearedIsDueAtOnce() {
        #expect(Self.deadline(entry: 0x4_00ec, deadline: 0) == 1234)
    }

    @Test func othersStayAsTheyAre() {
        #expect(Self.deadline(entry: 0x4_00ec, deadline: 5678) == 5678)
        #expect(Self.deadline(entry: 0x5_00ec, deadline: 0) == 0, "masked")
        #expect(Self.deadline(entry: 0x0_00ec, deadline: 0) == 0, "one shot")
        #expect(Self.deadline(entry: 0x2_00ec, deadline: 0) == 0, "periodic")
    }

    @Test func anEmptyStateIsLeftAlone() {
        var state = Self.state(entry: 0x4_00ec, deadline: 0)
        state.localAPIC = []
        state.owePendingTimerInterrupt()
        #expect(state.modelSpecificRegisters[0].value == 0)
    }
}
