import CLinux
import LinuxSystem

extension KVM {
    /// The MSRs that make up a vCPU's state: those that KVM lists, and the memory type ranges (AMD64 manual vol. 2
    /// §7.7), which it keeps but does not list.
    func savedRegisterIndices() throws(HypervisorError) -> [UInt32] {
        let most = 1024
        var bytes = encodeStructure(UInt32(most)) + [UInt8](repeating: 0, count: 4 * most)
        try exchange("list the model-specific registers", with: descriptor, CLINUX_KVM_GET_MSR_INDEX_LIST, &bytes)
        let count = min(Int(decodeStructure(bytes) as UInt32), most)
        let listed: [UInt32] = (0..<count).map { decodeStructure(Array(bytes[(4 + 4 * $0)...].prefix(4))) }
        return listed + Self.memoryTypeRanges.filter { !listed.contains($0) }
    }

    /// Default type, fixed ranges, and eight variable ranges' bases and masks.
    private static let memoryTypeRanges: [UInt32] =
        [0x2ff, 0x250, 0x258, 0x259] + Array(0x268...0x26f) + Array(0x200...0x20f)
}

extension ModelSpecificRegister {
    /// TSC (AMD64 manual vol. 2 §13.2.4).
    static let timeStampCounter: UInt32 = 0x10
    /// TSC_DEADLINE (Intel SDM vol. 3 §11.5.4.1); 0: not armed.
    static let timeStampCounterDeadline: UInt32 = 0x6e0
}

extension VirtualCPU {
    /// Below KVM's limit of one request (MAX_IO_MSRS, 256).
    private static let maxPerRequest = 128
    private static let headerSize = MemoryLayout<kvm_msrs>.size
    private static let entrySize = MemoryLayout<kvm_msr_entry>.size

    /// Reads registers; those that this host refuses are left out.
    func modelSpecificRegisters(_ indices: [UInt32]) throws(HypervisorError) -> [ModelSpecificRegister] {
        var found: [ModelSpecificRegister] = []
        var rest = indices[...]
        // KVM stops at the first register that it refuses; each round drops at least one, so the loop ends.
        while !rest.isEmpty {
            let wanted = rest.prefix(Self.maxPerRequest)
            var bytes = Self.encode(wanted.map { ModelSpecificRegister(index: $0, value: 0) })
            let count = Int(
                try exchange("read model-specific registers", with: descriptor, CLINUX_KVM_GET_MSRS, &bytes))
            found += (0..<count).map { i in
                let entry: kvm_msr_entry = decodeStructure(
                    Array(bytes[(Self.headerSize + i * Self.entrySize)...].prefix(Self.entrySize)))
                return ModelSpecificRegister(index: entry.index, value: entry.data)
            }
            rest = rest.dropFirst(count < wanted.count ? count + 1 : count)
        }
        return found
    }

    /// Sets registers, the TSC deadline last because it arms against the counter. A register that this host refuses
    /// is an error unless it reads as the same value.
    public func setModelSpecificRegisters(_ registers: [ModelSpecificRegister]) throws(HypervisorError) {
        let (deadline, others) = (
            registers.filter { $0.index == ModelSpecificRegister.timeStampCounterDeadline },
            registers.filter { $0.index != ModelSpecificRegister.timeStampCounterDeadline }
        )
        var rest = (others + deadline)[...]
        while !rest.isEmpty {
            let wanted = rest.prefix(Self.maxPerRequest)
            var bytes = Self.encode(Array(wanted))
            let count = Int(
                try exchange("set model-specific registers", with: descriptor, CLINUX_KVM_SET_MSRS, &bytes))
            rest = rest.dropFirst(count)
            guard count < wanted.count, let refused = rest.popFirst() else { continue }
            guard try modelSpecificRegisters([refused.index]).first?.value == refused.value else {
                throw .malformedState(
                    "this host refuses the value 0x\(String(refused.value, radix: 16)) of model-specific register "
                        + "0x\(String(refused.index, radix: 16))")
            }
        }
    }

    /// Makes KVM take the time-stamp counter that is set next as it is.
    ///
    /// KVM takes a counter that is set to within a second of what the machine's counter is for an attempt to make
    /// processors agree, and keeps the machine's. That serves all processors but the first; before Linux 6.7, it would
    /// leave the first at the counter that the machine got when it was made. So the first goes far away before.
    func leaveTimeStampCounterOfCreation(for registers: [ModelSpecificRegister]) throws(HypervisorError) {
        let isCounter = { (register: ModelSpecificRegister) in
            register.index == ModelSpecificRegister.timeStampCounter
        }
        guard index == 0, let counter = registers.first(where: isCounter) else { return }
        let farAway: UInt64 = 1 << 42  // hours
        try setModelSpecificRegisters([
            ModelSpecificRegister(index: ModelSpecificRegister.timeStampCounter, value: counter.value &+ farAway)
        ])
    }

    private static func encode(_ registers: [ModelSpecificRegister]) -> [UInt8] {
        var bytes = encodeStructure(UInt32(registers.count)) + [0, 0, 0, 0]
        for register in registers {
            var entry = kvm_msr_entry()
            entry.index = register.index
            entry.data = register.value
            bytes += encodeStructure(entry)
        }
        return bytes
    }
}
