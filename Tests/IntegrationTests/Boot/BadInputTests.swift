import TestSupport
import Testing

/// What a person can get wrong: each is one line that names the thing and the mend, and leaves no process.
@Suite(.needsKVM, .serialized) struct BadInputTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func refusal(_ arguments: [String]) throws -> String {
        let disk = try directory.write("initrd", try BusyboxGuest.initialRAMDisk(""))
        let initrd = arguments.contains("--initrd") ? [] : ["--initrd", disk]
        let result = try run("czone", ["boot"] + initrd + arguments, within: 60)
        #expect(result.status == 1 || result.status == 2, "\(arguments): \(result.status)")
        #expect(!result.timedOut)
        #expect(result.output.isEmpty)
        #expect(result.error.split(separator: "\n").count == 1, "\(result.error)")
        return result.error
    }

    @Test func aKernelThatIsNotThere() throws {
        #expect(try refusal(["--kernel", "/nowhere/vmlinux"]).contains("/nowhere/vmlinux"))
    }

    @Test func aKernelThatIsNoELF() throws {
        let file = try directory.write("text", Array("this is no kernel\n".utf8))
        #expect(try refusal(["--kernel", file]).contains("ELF"))
    }

    @Test func aTruncatedSegmentTable() throws {
        let file = try directory.write("short", Self.header(tableOffset: 1 << 20, entries: 5))
        _ = try refusal(["--kernel", file])
    }

    @Test func aSegmentOfFourGigabytes() throws {
        var bytes = Self.header(tableOffset: 64, entries: 1)
        bytes += Self.little(UInt32(1)) + Self.little(UInt32(5))
        bytes += [0, 0x100_0000, 0x100_0000, 1 << 32, 1 << 32, 0x1000].flatMap { Self.little(UInt64($0)) }
        _ = try refusal(["--kernel", try directory.write("giant", bytes)])
    }

    @Test func anInitialRAMDiskLargerThanMemory() throws {
        let disk = try directory.write("large", [UInt8](repeating: 7, count: 80 << 20))
        #expect(try refusal(["--initrd", disk, "--memory", "64M"]).contains("memory"))
    }

    @Test func lessMemoryThanTheKernelNeeds() throws {
        #expect(try refusal(["--memory", "16M"]).contains("memory"))
    }

    @Test func aSizeThatIsNone() throws {
        let result = try run("czone", ["boot", "--memory", "lots"])
        #expect(result.status == 2 || result.status == 64)
        #expect(result.error.contains("lots"))
    }

    @Test(arguments: [0, 33]) func aCountOfProcessorsThatThereCannotBe(count: Int) throws {
        #expect(try refusal(["--cpus", "\(count)"]).contains("\(count) vCPUs"))
    }

    /// An ELF header of an x86-64 executable with its segment table at an offset.
    private static func header(tableOffset: UInt64, entries: UInt16) -> [UInt8] {
        var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0] + [UInt8](repeating: 0, count: 8)
        bytes += little(UInt16(2)) + little(UInt16(62)) + little(UInt32(1))
        bytes += little(UInt64(0x100_0000)) + little(tableOffset) + little(UInt64(0))
        bytes += little(UInt32(0)) + little(UInt16(64)) + little(UInt16(56)) + little(entries)
        bytes += little(UInt16(64)) + little(UInt16(0)) + little(UInt16(0))
        return bytes
    }

    private static func little<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
        (0..<Integer.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
}
