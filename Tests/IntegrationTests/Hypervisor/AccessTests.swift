import Hypervisor
import LinuxSystem
import Memory
import Testing

/// What a guest does at ports and at addresses without memory reaches the devices as it was meant.
@Suite(.needsKVM, .serialized) struct AccessTests {
    private let end = Access.output(port: 0xf4, width: 1, values: [0])

    /// A payload run on one processor: what it did, without its last output.
    private func run(
        _ payload: [UInt8], on machine: PayloadMachine, device: @escaping ProcessorRun.Device = { _ in [] }
    ) throws -> [Access] {
        try machine.load(payload)
        try machine.prepare()
        return try ProcessorRun(machine.processors[0], device: device).finish().dropLast()
    }

    @Test func portsAreReadAndWrittenInEachWidth() throws {
        let machine = try PayloadMachine()
        let accesses = try run(Payload.ports, on: machine) { _ in [0xffff_ffff_9988_7766] }
        #expect(
            accesses == [
                .output(port: 0x300, width: 1, values: [0x11]), .output(port: 0x300, width: 2, values: [0x2211]),
                .output(port: 0x300, width: 4, values: [0x4433_2211]), .input(port: 0x300, width: 1, count: 1),
                .input(port: 0x300, width: 2, count: 1), .input(port: 0x300, width: 4, count: 1),
            ])
        #expect(try machine.reported(at: 0) == 0xffff_ffff_ffff_ff66)
        #expect(try machine.reported(at: 8) == 0xffff_ffff_ffff_7766)
        #expect(try machine.reported(at: 16) == 0x0000_0000_9988_7766)
    }

    /// KVM is free to hand a string over in pieces: only what they add up to counts.
    @Test func stringsComeWholeAndInOrder() throws {
        let machine = try PayloadMachine()
        try machine.memory.write(Array("czone!".utf8), at: GuestAddress(PayloadMachine.report))
        let given = Shared<[UInt64]>([])
        let accesses = try run(Payload.strings, on: machine) { access in
            guard case .input(_, _, let count) = access else { return [] }
            return given.update { all in
                let values = (0..<count).map { UInt64(all.count + $0 + 1) }
                all += values
                return values
            }
        }
        func written(_ wanted: UInt16, _ wantedWidth: Int) -> [UInt64] {
            accesses.flatMap { access -> [UInt64] in
                guard case .output(wanted, wantedWidth, let values) = access else { return [] }
                return values
            }
        }
        #expect(written(0x301, 1) == "czone!".utf8.map { UInt64($0) })
        #expect(written(0x302, 2) == [0, 0, 0], "the words behind the six bytes")
        let bytes = try machine.memory.read(13, at: GuestAddress(PayloadMachine.report + 0x100))
        #expect(bytes == [1, 2, 3, 4, 5, 6, 0, 0, 0, 7, 0, 0, 0])
    }

    @Test func deviceMemoryIsReadAndWrittenInEachWidth() throws {
        let machine = try PayloadMachine()
        let accesses = try run(Payload.deviceMemory, on: machine) { _ in [0x0102_0304_0506_0708] }
        #expect(
            accesses == [
                .write(address: 0xd000_0000, width: 1, value: 0x11),
                .write(address: 0xd000_0010, width: 2, value: 0x2211),
                .write(address: 0xd000_0020, width: 4, value: 0x4433_2211),
                .write(address: 0xd000_0030, width: 8, value: 0x8877_6655_4433_2211),
                .read(address: 0xd000_0000, width: 1), .read(address: 0xd000_0010, width: 2),
                .read(address: 0xd000_0020, width: 4), .read(address: 0xd000_0030, width: 8),
            ])
        #expect(try machine.reported(at: 0) == 0xffff_ffff_ffff_ff08)
        #expect(try machine.reported(at: 8) == 0xffff_ffff_ffff_0708)
        #expect(try machine.reported(at: 16) == 0x0506_0708)
        #expect(try machine.reported(at: 24) == 0x0102_0304_0506_0708)
    }

    @Test func readOnlyMemoryIsReadWithoutAnExitAndNeverWritten() throws {
        let machine = try PayloadMachine()
        let file = try MemoryFile(name: "image", sizeInBytes: 4096)
        try file.descriptor.write(all: [1, 2, 3, 4, 5, 6, 7, 8])
        let mapping = try Mapping(.shared(file.descriptor, offset: 0), sizeInBytes: 4096, writable: false)
        try machine.machine.mapMemory(slot: 1, at: GuestAddress(0x2000_0000), mapping, readOnly: true)
        let accesses = try run(Payload.readOnlyMemory, on: machine)
        #expect(accesses == [.write(address: 0x2000_0000, width: 4, value: 0x1234_5678)])
        #expect(try machine.reported(at: 0) == 0x0807_0605_0403_0201)
        #expect(try machine.reported(at: 8) == 0x0807_0605_0403_0201)
        #expect(try file.descriptor.read(exactly: 8, at: 0) == [1, 2, 3, 4, 5, 6, 7, 8])
        withExtendedLifetime(mapping) {}
    }

    @Test func onlyAMatchingWriteNotifies() throws {
        let machine = try PayloadMachine()
        let address = GuestAddress(0xd000_0050)
        let (wanted, other) = (try EventDescriptor(), try EventDescriptor())
        try machine.machine.connectNotification(wanted, toWriteOf: 3, at: address)
        try machine.machine.connectNotification(other, toWriteOf: 5, at: address)
        let accesses = try run(Payload.notifications, on: machine)
        #expect(
            accesses == [
                .write(address: 0xd000_0050, width: 4, value: 4), .write(address: 0xd000_0050, width: 2, value: 3),
                .write(address: 0xd000_0054, width: 4, value: 3),
            ])
        #expect(wanted.drain())
        #expect(!other.drain())
    }

    @Test func aTripleFaultIsAShutdown() throws {
        let machine = try PayloadMachine()
        #expect(throws: UnexpectedEnd(exit: .shutdown)) { try run(Payload.tripleFault, on: machine) }
    }
}
