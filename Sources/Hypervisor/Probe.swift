import LinuxSystem
import Memory

/// Finds out whether this machine's KVM can run a 64-bit kernel, by running the instructions on it that every such
/// kernel needs.
///
/// That /dev/kvm opens and answers proves nothing: without VMX or SVM below it, some KVMs emulate kernel mode in
/// software, and give up at the first instruction that their emulator does not know.
public enum KVMProbe {
    /// Why the probe did not succeed.
    public enum Failure: Error, CustomStringConvertible {
        /// KVM cannot be opened, lacks something, or refused a request.
        case unusable(HypervisorError)
        /// A processor in 64-bit mode did not get past this instruction.
        case cannotExecute(String, VirtualCPUExit)

        public var description: String {
            switch self {
            case .unusable(let error): "\(error)"
            case .cannotExecute(let instruction, .internalError(let suberror)):
                "this KVM cannot run a 64-bit kernel: it emulates kernel code in software and gives up at \(instruction) "
                    + "(KVM_EXIT_INTERNAL_ERROR \(suberror)); a machine with VMX or SVM is needed"
            case .cannotExecute(let instruction, let exit):
                "this KVM cannot run a 64-bit kernel: expected it to execute \(instruction), it ended in \(exit)"
            }
        }
    }

    /// Runs the probe: some milliseconds, a virtual machine of one processor and 32 KiB. Returns if all is well.
    public static func run(path: String = "/dev/kvm") throws(Failure) {
        let failed: (instruction: String, exit: VirtualCPUExit)?
        do { failed = try failedInstruction(path: path) } catch { throw .unusable(error) }
        if let failed { throw .cannotExecute(failed.instruction, failed.exit) }
    }

    private static func failedInstruction(path: String) throws(HypervisorError) -> (String, VirtualCPUExit)? {
        let kvm = try KVM(path: path)
        let machine = try VirtualMachine(on: kvm)
        let memory = try imageMapping()
        try machine.mapMemory(slot: 0, at: GuestAddress(0), memory)
        let processor = try VirtualCPU(0, of: machine)
        try prepare(processor, on: kvm)
        // The slot must not outlive the mapping.
        return try withExtendedLifetime(memory) { () throws(HypervisorError) in try failedInstruction(of: processor) }
    }

    /// Runs until the payload's end; what it stopped at if it did not get there.
    private static func failedInstruction(
        of processor: VirtualCPU
    ) throws(HypervisorError) -> (instruction: String, VirtualCPUExit)? {
        var current = "the first instruction"
        // Straight-line code that announces each step: more exits than steps are only interruptions by signals.
        for _ in 0..<1000 {
            switch try processor.run() {
            case .interrupted: continue
            case .port(address: stepPort, width: 1, count: 1, isWrite: true):
                let step = Int(processor.portValue(0, width: 1))
                guard step > 0 else { return nil }
                current = steps.indices.contains(step - 1) ? steps[step - 1] : current
            case let exit: return (current, exit)
            }
        }
        return (current, .interrupted)
    }

    private static let stepPort: UInt16 = 0xf0
    private static let steps = ["FXSAVE", "CMPXCHG16B", "XSAVE"]

    // The assembly stands in a column of its own.
    // swift-format-ignore
    private static let payload: [UInt8] = [
        0xb0, 0x01,                    // mov al, 1
        0xe6, 0xf0,                    // out 0xf0, al
        0x48, 0x0f, 0xae, 0x06,        // fxsave64 [rsi]
        0xb0, 0x02,                    // mov al, 2
        0xe6, 0xf0,                    // out 0xf0, al
        0x48, 0x0f, 0xc7, 0x0e,        // cmpxchg16b [rsi]
        0xb0, 0x03,                    // mov al, 3
        0xe6, 0xf0,                    // out 0xf0, al
        0xb8, 0x01, 0x00, 0x00, 0x00,  // mov eax, 1  (the x87 component only)
        0x31, 0xd2,                    // xor edx, edx
        0x48, 0x0f, 0xae, 0x26,        // xsave64 [rsi]
        0xb0, 0x00,                    // mov al, 0
        0xe6, 0xf0,                    // out 0xf0, al
        0xf4,                          // hlt
    ]

    // Where things lie in the probe's memory. Three page tables map the first 2 MiB to itself (AMD64 manual vol. 2
    // §5.3).
    private static let tables = (root: 0x1000, pointers: 0x2000, directory: 0x3000)
    private static let codeAddress = 0x4000
    private static let saveArea = 0x6000
    private static let memorySize = 0x8000

    private static func imageMapping() throws(HypervisorError) -> Mapping {
        var image = [UInt8](repeating: 0, count: memorySize)
        let present: UInt64 = 1 << 0 | 1 << 1
        let large: UInt64 = 1 << 7
        for (place, entry) in [
            (tables.root, UInt64(tables.pointers) | present), (tables.pointers, UInt64(tables.directory) | present),
            (tables.directory, present | large),
        ] {
            image.replace(at: place, littleEndian: entry)
        }
        image.replaceSubrange(codeAddress..<codeAddress + payload.count, with: payload)
        do {
            let file = try MemoryFile(name: "probe", sizeInBytes: UInt64(memorySize))
            try file.descriptor.write(all: image)
            return try Mapping(.shared(file.descriptor, offset: 0), sizeInBytes: memorySize)
        } catch { throw .failed(error) }
    }

    private static func prepare(_ processor: VirtualCPU, on kvm: KVM) throws(HypervisorError) {
        try processor.setCPUID(
            CPUIDFilter(virtualCPUCount: 1).entries(from: try kvm.supportedCPUID(), forVirtualCPU: 0))
        try processor.setLongMode(
            LongModeState(
                code: Segment(selector: 0x08, type: 0xb, isLong: true),
                data: Segment(selector: 0x10, type: 0x3, is32Bit: true),
                task: Segment(selector: 0x18, limit: 0xffff, type: 0xb, isCodeOrData: false, hasPageGranularity: false),
                gdtBase: 0, gdtLimit: 0,
                cr0: 1 << 0 | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 31,  // PE, MP, ET, NE, PG
                cr3: UInt64(tables.root),
                cr4: 1 << 5 | 1 << 9 | 1 << 10 | 1 << 18,  // PAE, OSFXSR, OSXMMEXCPT, OSXSAVE
                efer: 1 << 8 | 1 << 10))  // LME, LMA
        try processor.setStartRegisters(StartRegisters(rip: UInt64(codeAddress), rsi: UInt64(saveArea)))
    }
}
