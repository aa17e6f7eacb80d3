import Devices
import Glibc
import Hypervisor
import LinuxSystem
import Testing
import Virtio

@testable import Machine

/// The state file, and who it is refused to.
@Suite struct SnapshotTests {
    private static let identity = "kernel 1\nimage 2"

    private static let shape = MachineShape(
        baseSizes: [256 << 20], zoneSizes: [128 << 20, 128 << 20], imageSizes: [2 << 20],
        devices: [4, 19, 27, 24, 24, 5],
        processor: [CPUIDEntry(function: 1, eax: 2, ebx: 3), CPUIDEntry(function: 7, index: 1, flags: 1, edx: 9)],
        virtualCPUs: 2)

    private static func processor(_ seed: UInt8) -> VirtualCPUState {
        VirtualCPUState(
            registers: [seed, 1], segments: [seed, 2], extendedState: [UInt8](repeating: seed, count: 4096),
            extendedControl: [3], debugRegisters: [], localAPIC: [UInt8](repeating: 4, count: 1024), events: [5],
            multiprocessorState: [6], modelSpecificRegisters: [ModelSpecificRegister(index: 0x10, value: 1 << 40)],
            timeStampCounterKHz: 2_000_000)
    }

    private static let state = MachineState(
        identity: identity, shape: shape, memory: .init(sizeInBytes: 256 << 20, modified: 77),
        machine: VirtualMachineState(interruptControllers: [[1], [2], [3]], clockInNanoseconds: 1 << 50),
        processors: [processor(1), processor(2)], serial: [1, 2, 3],
        devices: (0..<6).map { [UInt8](repeating: $0, count: 30) }, attachment: [7, 8, 9])

    private func error(_ bytes: [UInt8], identity: String = identity) -> SnapshotError? {
        do throws(SnapshotError) {
            _ = try MachineState(bytes, identity: identity)
            return nil
        } catch { return error }
    }

    @Test func whatIsWrittenIsReadAgain() throws {
        #expect(try MachineState(Self.state.bytes, identity: Self.identity) == Self.state)
    }

    @Test func theHeaderIsAsItStandsInTheTable() {
        let bytes = Self.state.bytes
        #expect(Array(bytes[0..<12]) == Array("czone-st".utf8) + [2, 0, 0, 0])
        #expect(bytes.field(UInt64.self, at: 12) == UInt64(bytes.count - 28))
    }

    @Test func aTruncatedFileIsRefused() {
        let bytes = Self.state.bytes
        for count in [0, 7, 8, 27, 28, 100, bytes.count - 1] {
            let error = error(Array(bytes.prefix(count)))
            #expect(
                error == (count < 28 ? .notAState : .length(UInt64(count), expected: UInt64(bytes.count))), "\(count)")
        }
        #expect(error(bytes + [0]) == .length(UInt64(bytes.count + 1), expected: UInt64(bytes.count)))
    }

    @Test func anAlteredByteIsFound() {
        let bytes = Self.state.bytes
        for place in stride(from: 28, to: bytes.count, by: 97) {
            for change: UInt8 in [1, 0x80] {
                var altered = bytes
                altered[place] ^= change
                #expect(error(altered) == .checksum, "\(place)")
            }
        }
    }

    @Test func aForeignFileIsRefused() {
        #expect(error([UInt8](repeating: 0x20, count: 5000)) == .notAState)
        var newer = Self.state.bytes
        newer[8] = 3
        #expect(error(newer) == .version(3, expected: 2))
        #expect(error(Self.state.bytes, identity: "kernel 2") == .identity)
    }

    /// Damage that the checksum does not know of: the reader itself must hold.
    @Test func nonsenseWithARightChecksumIsRefused() throws {
        var body = try StateFile.body(of: Self.state.bytes)
        body.removeLast(3)
        guard case .state = error(StateFile.bytes(of: body)) else { Issue.record("it was taken"); return }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            var altered = try StateFile.body(of: Self.state.bytes)
            for _ in 0..<4 {
                altered[Int.random(in: 60..<altered.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            _ = error(StateFile.bytes(of: altered))
        }
    }

    @Test func anotherMachineIsNamed() {
        func error(_ change: (inout MachineShape) -> Void) -> SnapshotError? {
            var other = Self.shape
            change(&other)
            do throws(SnapshotError) {
                try Self.shape.check(against: other)
                return nil
            } catch { return error }
        }
        #expect(error { _ in } == nil)
        #expect(error { $0.virtualCPUs = 3 } == .shape("vCPUs", found: "2", expected: "3"))
        #expect(error { $0.baseSizes = [1] } == .shape("base memory", found: "[268435456]", expected: "[1]"))
        #expect(error { $0.imageSizes = [] } == .shape("images", found: "[2097152]", expected: "[]"))
        #expect(error { $0.devices.removeLast() } != nil)
        #expect(error { $0.processor[1].edx = 8 } == .processor(function: 7, index: 1))
        #expect(error { $0.processor.removeLast() } != nil)
    }

    @Test func aPlaceForAnImageFitsAnyAndAnImageFitsItselfAlone() {
        var saved = Self.shape
        (saved.imageSizes, saved.devices[2]) = ([0], 0)
        for size: UInt64 in [2 << 20, 64 << 20] {
            var machine = Self.shape
            machine.imageSizes = [size]
            #expect(throws: Never.self) { try saved.check(against: machine) }
        }
        #expect(throws: Never.self) { try saved.check(against: saved) }
        #expect(throws: SnapshotError.self) { try Self.shape.check(against: saved) }
        var machine = Self.shape
        machine.imageSizes = [2 << 20, 2 << 20]
        #expect(throws: SnapshotError.self) { try saved.check(against: machine) }
    }

    @Test func aMemoryFileThatChangedIsRefused() throws {
        let directory = "/tmp/czone-snapshot-test-\(getpid())"
        try FileSystem.makeDirectory(directory)
        defer {
            for name in ["state", "memory"] { try? FileSystem.removeFile("\(directory)/\(name)") }
            try? FileSystem.removeDirectory(directory)
        }
        try FileSystem.replace("\(directory)/memory", with: [1, 2, 3])
        let memory = try OwnedDescriptor(opening: "\(directory)/memory", flags: O_RDWR)
        var state = Self.state
        state.memory = .init(try memory.status())
        try FileSystem.replace("\(directory)/state", with: state.bytes)
        let snapshot = Snapshot(
            state: try OwnedDescriptor(opening: "\(directory)/state", flags: O_RDONLY), memory: memory,
            identity: Self.identity)
        #expect(try snapshot.read() == state)
        try memory.setSize(2)
        #expect(throws: SnapshotError.memory("has 2 bytes, expected 3")) { try snapshot.read() }
        // As large as before, and another file.
        try FileSystem.touch("\(directory)/memory")
        try memory.setSize(3)
        #expect(throws: SnapshotError.memory("has changed since it was written")) { try snapshot.read() }
    }

    @Test func aWorkingSetIsReadAgain() throws {
        let set = WorkingSet(runs: [0..<1, 7..<20, 65_535..<65_536])
        #expect(try WorkingSet(set.bytes, memorySize: 256 << 20) == set)
        #expect(try WorkingSet(WorkingSet(runs: []).bytes, memorySize: 0) == WorkingSet(runs: []))
    }

    @Test func aWorkingSetBeyondTheMemoryIsRefused() throws {
        let set = WorkingSet(runs: [0..<1, 65_535..<65_537])
        #expect(throws: SnapshotError.self) { try WorkingSet(set.bytes, memorySize: 256 << 20) }
        #expect(throws: SnapshotError.self) { try WorkingSet(Array(set.bytes.dropLast()), memorySize: 512 << 20) }
        #expect(throws: SnapshotError.self) { try WorkingSet([], memorySize: 512 << 20) }
        for (first, end) in [(5, 5), (9, 3)] as [(UInt32, UInt32)] {
            var writer = StateWriter()
            for field in [1, first, end] as [UInt32] { writer.write(field) }
            #expect(throws: SnapshotError.self) {
                try WorkingSet(StateFile.bytes(of: writer.bytes), memorySize: 256 << 20)
            }
        }
        var writer = StateWriter()
        writer.write(UInt32.max)
        #expect(throws: SnapshotError.self) {
            try WorkingSet(StateFile.bytes(of: writer.bytes), memorySize: 256 << 20)
        }
    }
}
