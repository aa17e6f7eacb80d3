extension VirtualCPUState {
    /// Local APIC registers (AMD64 manual vol. 2 §16.3.2): the timer's entry of the local vector table, its mask, and
    /// its mode, of which TSC deadline is one.
    private static let timerEntry = 0x320
    private static let masked: UInt8 = 1
    private static let timerMode: UInt8 = 0b110
    private static let deadlineMode: UInt8 = 0b100

    /// Arms a timer that has expired once more, so that it expires at once after a restore.
    ///
    /// A vCPU that is stopped just then has the deadline cleared, and the interrupt neither in its local APIC nor in its
    /// pending events: KVM keeps it where nothing reads it. Lost, it is never asked for again: a guest arms its timer
    /// in that interrupt's handler, and no timer of that vCPU would ever expire. One that was not due is harmless.
    mutating func owePendingTimerInterrupt() {
        // Bits 16 to 23 of the entry.
        guard localAPIC.count > Self.timerEntry + 2, localAPIC[Self.timerEntry + 2] & Self.masked == 0,
            localAPIC[Self.timerEntry + 2] & Self.timerMode == Self.deadlineMode,
            let counter = modelSpecificRegisters.first(where: { $0.index == ModelSpecificRegister.timeStampCounter }),
            let deadline = modelSpecificRegisters.firstIndex(where: {
                $0.index == ModelSpecificRegister.timeStampCounterDeadline && $0.value == 0
            })
        else { return }
        modelSpecificRegisters[deadline].value = counter.value
    }
}
