import CLinux
@testable import Hypervisor
import Testing

/// KVM's binary interface (Documentation/virt/kvm/api.rst): what a saved VM consists of must keep its size.
@Suite struct StructureTests {
    @Test func structuresHaveTheSizesOfTheInterface() {
        #expect(MemoryLayout<kvm_regs>.size == 144)
        #expect(MemoryLayout<kvm_segment>.size == 24)
        #expect(MemoryLayout<kvm_sregs>.size == 312)
        #expect(MemoryLayout<kvm_xsave>.size == 4096)
        #expect(MemoryLayout<kvm_xcrs>.size == 392)
        #expect(MemoryLayout<kvm_debugregs>.size == 128)
        #expect(MemoryLayout<kvm_lapic_state>.size == 1024)
        #expect(MemoryLayout<kvm_vcpu_events>.size == 64)
        #expect(MemoryLayout<kvm_mp_state>.size == 4)
        #expect(MemoryLayout<kvm_irqchip>.size == 520)
        #expect(MemoryLayout<kvm_clock_data>.size == 48)
    }

    /// Their entries follow directly: the flexible array at their end has no size of its own.
    @Test func listsAreHeadersOnly() {
        #expect(MemoryLayout<kvm_msrs>.size == 8)
        #expect(MemoryLayout<kvm_cpuid2>.size == 8)
        #expect(MemoryLayout<kvm_msr_entry>.size == 16)
        #expect(MemoryLayout<kvm_cpuid_entry2>.size == 40)
    }

    @Test func integersAreEncodedLittleEndian() {
        #expect(encodeStructure(UInt32(0x0403_0201)) == [1, 2, 3, 4])
        #expect(decodeStructure([1, 2, 3, 4, 99]) as UInt32 == 0x0403_0201)
    }

    @Test func aLongCodeSegmentHasItsBits() {
        let raw = Segment(selector: 0x10, type: 0xb, isLong: true).raw
        // base (8), limit (4), selector (2), type, present, dpl, db, s, l, g, avl, unusable, padding
        #expect(
            encodeStructure(raw) == [
                0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x10, 0, 0xb, 1, 0, 0, 1, 1, 1, 0, 0, 0,
            ])
    }

    @Test(arguments: [(1, 0xff), (2, 0xffff), (4, 0xffff_ffff), (8, UInt64.max)] as [(UInt32, UInt64)])
    func valuesAreCutToTheirWidth(width: UInt32, mask: UInt64) { #expect(VirtualCPU.mask(width) == mask) }

    @Test func aMissingKVMIsSaidInOneLine() {
        let failure = #expect(throws: KVMProbe.Failure.self) { try KVMProbe.run(path: "/dev/no-such-kvm") }
        let line = failure.map { "\($0)" } ?? ""
        #expect(line.hasPrefix("no usable KVM: cannot open /dev/no-such-kvm"))
        #expect(!line.contains("\n"))
    }

    @Test func aFileThatIsNoKVMIsRefused() {
        #expect(throws: KVMProbe.Failure.self) { try KVMProbe.run(path: "/dev/null") }
    }

    @Test func aKVMThatEmulatesKernelCodeIsNamed() {
        let failure = KVMProbe.Failure.cannotExecute("FXSAVE", .internalError(suberror: 1))
        #expect("\(failure)".contains("gives up at FXSAVE"))
    }
}
