import LinuxSystem
import Machine
import Memory
import Testing

@Suite struct BootPlanTests {
    private let layout: MachineLayout
    private let kernel: KernelImage

    init() throws {
        layout = try MachineLayout(.init(baseMemory: 64 << 20))
        kernel = try ELFFile().kernel()
    }

    @Test func theInitrdLiesAtTheTopOfLowMemory() throws {
        let plan = try BootPlan(layout: layout, kernel: kernel, initrdSize: 0x1801, commandLine: "")
        #expect(plan.initrd == range(64 << 20 - 0x2000, 0x1801))
        let large = try MachineLayout(.init(baseMemory: 4 << 30))
        let high = try BootPlan(layout: large, kernel: kernel, initrdSize: 0x1000, commandLine: "")
        #expect(high.initrd == range(0xbfff_f000, 0x1000))
    }

    @Test func tooLittleMemoryNamesWhatIsNeeded() throws {
        // 1 MiB and two pages of kernel, twice 30 MiB, 24 MiB to work with.
        #expect(throws: LoaderError.tooLittleMemory(has: 64 << 20, needs: 86 << 20)) {
            try BootPlan(layout: layout, kernel: kernel, initrdSize: 30 << 20, commandLine: "")
        }
        let error = LoaderError.tooLittleMemory(has: 64 << 20, needs: 86 << 20)
        #expect(error.description.contains("need at least 86 MiB"))
    }

    @Test func aKernelFarUpNeedsTheMemoryUpToItsEnd() throws {
        var elf = ELFFile()
        elf.segments[0].address = 62 << 20
        elf.segments[0].sizeInMemory = 1 << 20
        elf.entry = 62 << 20
        let kernel = try elf.kernel()
        #expect(try BootPlan.requiredMemory(kernel: kernel, initrdSize: 0) == 64 << 20)
        #expect(try BootPlan.requiredMemory(kernel: kernel, initrdSize: 1 << 20) == 64 << 20)
        #expect(try BootPlan.requiredMemory(kernel: kernel, initrdSize: (1 << 20) + 1) == 66 << 20)
        #expect(try BootPlan.requiredMemory(kernel: kernel, initrdSize: 20 << 20) == 84 << 20)
    }

    @Test func anInitrdThatCannotFitBelow3GiBIsRefused() throws {
        let large = try MachineLayout(.init(baseMemory: 16 << 30))
        for size in [3 << 30, .max, 3 << 30 - 0x1000] as [UInt64] {
            #expect(throws: LoaderError.initrdTooLarge(sizeInBytes: size)) {
                try BootPlan(layout: large, kernel: kernel, initrdSize: size, commandLine: "")
            }
        }
    }

    @Test func aBadCommandLineIsRefused() throws {
        let longest = String(repeating: "x", count: 2047)
        #expect(try BootPlan(layout: layout, kernel: kernel, commandLine: longest).commandLine.count == 2047)
        #expect(throws: LoaderError.commandLineTooLong(count: 2048)) {
            try BootPlan(layout: layout, kernel: kernel, commandLine: longest + "x")
        }
        #expect(throws: LoaderError.commandLineHasZero) {
            try BootPlan(layout: layout, kernel: kernel, commandLine: "a\0b")
        }
    }

    @Test func anEmptyInitrdIsRefused() {
        #expect(throws: LoaderError.emptyInitrd) {
            try BootPlan(layout: layout, kernel: kernel, initrdSize: 0, commandLine: "")
        }
    }

    @Test func theInitrdIsReadIntoItsPlace() throws {
        let file = try memoryFile([7, 8, 9])
        let plan = try BootPlan(layout: layout, kernel: kernel, initrdSize: 3, commandLine: "")
        let memory = try freshMemory(64 << 20)
        try plan.loadInitrd(from: file, into: memory)
        #expect(try memory.read(3, at: GuestAddress(64 << 20 - 0x1000)) == [7, 8, 9])
    }

    @Test func theZeroPageSaysWhereEverythingIs() throws {
        let plan = try BootPlan(layout: layout, kernel: kernel, initrdSize: 0x1801, commandLine: "console=ttyS0")
        let memory = try freshMemory(64 << 20)
        try plan.writeParameters(into: memory, acpiRootPointer: GuestAddress(0xe_0000))
        let page = try memory.read(4096, at: AddressMap.zeroPage)

        #expect(page.field(UInt64.self, at: 0x070) == 0xe_0000)
        #expect(page.field(UInt16.self, at: 0x1fe) == 0xaa55)
        #expect(page[0x202..<0x206].elementsEqual("HdrS".utf8))
        #expect(page.field(UInt16.self, at: 0x206) >= 0x020c)
        #expect(page[0x1ef] == 0)  // the sentinel
        #expect(page[0x210] == 0xff && page[0x211] & 1 == 1)
        #expect(page.field(UInt32.self, at: 0x218) == 64 << 20 - 0x2000)
        #expect(page.field(UInt32.self, at: 0x21c) == 0x1801)
        #expect(page.field(UInt64.self, at: 0x250) == 0)
        let line = UInt64(page.field(UInt32.self, at: 0x228))
        #expect(try memory.read(14, at: GuestAddress(line)) == Array("console=ttyS0\0".utf8))

        #expect(page[0x1e8] == 3)
        #expect(page.field(UInt64.self, at: 0x2d0 + 40) == 0x10_0000)
        #expect(page.field(UInt64.self, at: 0x2d0 + 48) == 63 << 20)
        #expect(page.field(UInt32.self, at: 0x2d0 + 56) == 1)
    }

    @Test func setupDataIsAList() throws {
        let plan = try BootPlan(layout: layout, kernel: kernel, commandLine: "")
        let memory = try freshMemory(64 << 20)
        try plan.writeParameters(
            into: memory, acpiRootPointer: GuestAddress(0), setupData: [.deviceTree([1, 2, 3]), .randomSeed])

        let first = try memory.load(UInt64.self, at: GuestAddress(AddressMap.zeroPage.rawValue + 0x250))
        #expect(first == 0x1_0000)
        #expect(try memory.load(UInt32.self, at: GuestAddress(first + 8)) == 2)
        #expect(try memory.load(UInt32.self, at: GuestAddress(first + 12)) == 3)
        #expect(try memory.read(3, at: GuestAddress(first + 16)) == [1, 2, 3])

        let second = try memory.load(UInt64.self, at: GuestAddress(first))
        #expect(second == 0x1_0020)
        #expect(try memory.load(UInt64.self, at: GuestAddress(second)) == 0)
        #expect(try memory.load(UInt32.self, at: GuestAddress(second + 8)) == 9)
        #expect(try memory.load(UInt32.self, at: GuestAddress(second + 12)) == 32)
        #expect(try memory.read(32, at: GuestAddress(second + 16)).contains { $0 != 0 })
    }

    @Test func setupDataThatLinuxCouldNotMapIsRefused() throws {
        let plan = try BootPlan(layout: layout, kernel: kernel, commandLine: "")
        let blob = [UInt8](repeating: 0, count: 256 << 10)
        #expect(throws: LoaderError.setupDataTooLarge(sizeInBytes: 256 << 10 + 16)) {
            try plan.writeParameters(
                into: freshMemory(64 << 20), acpiRootPointer: GuestAddress(0), setupData: [.deviceTree(blob)])
        }
    }
}
