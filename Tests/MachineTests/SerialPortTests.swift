import Devices
import Machine
import Testing

@Suite struct SerialPortTests {
    private final class Sink {
        var batches: [[UInt8]] = []
    }

    private let line = CountingLine()
    private let sink = Sink()
    private let port: SerialPort

    init() {
        let sink = sink
        port = SerialPort(interrupt: line) { sink.batches.append($0) }
    }

    private func set(_ register: UInt64, _ value: UInt64) { port.write(value, offset: register, width: 1) }
    private func get(_ register: UInt64) -> UInt64 { port.read(offset: register, width: 1) }

    @Test func aLineComesOutInOnePiece() {
        for byte in "boot\nnext".utf8 { set(0, UInt64(byte)) }
        #expect(sink.batches == [Array("boot\n".utf8)])
        set(1, 0)
        #expect(sink.batches == [Array("boot\n".utf8), Array("next".utf8)])
    }

    @Test func outputIsNeverKeptBackWithoutBound() {
        for _ in 0..<SerialPort.outputBatch { set(0, 0x2e) }
        #expect(sink.batches.map(\.count) == [SerialPort.outputBatch])
        set(0, 0x2e)
        port.flush()
        #expect(sink.batches.map(\.count) == [SerialPort.outputBatch, 1])
    }

    @Test func linuxFindsA16550A() {
        // autoconfig() of drivers/tty/serial/8250/8250_port.c, step by step.
        set(1, 0)
        #expect(get(1) & 0x0f == 0)
        set(1, 0x0f)
        #expect(get(1) & 0x0f == 0x0f)
        set(1, 0)
        set(4, 0x1a)
        #expect(get(6) & 0xf0 == 0x90)
        set(4, 0)
        set(3, 0xbf)
        set(2, 0)
        set(3, 0)
        set(2, 1)
        #expect(get(2) >> 6 == 3)
        set(3, 0x80)
        #expect(get(2) != 0)  // not a 16650 or 16850
        set(3, 0)
        set(1, 0x40)
        #expect(get(1) & 0x40 == 0)  // not an XScale
        set(7, 0x5a)
        #expect(get(7) == 0x5a)
    }

    @Test func theDivisorLatchHidesDataAndInterruptEnable() {
        set(1, 1)
        set(3, 0x80)
        set(0, 0x34)
        set(1, 0x12)
        #expect(get(0) == 0x34 && get(1) == 0x12)
        set(3, 0x03)
        #expect(get(1) == 1)
        #expect(sink.batches.isEmpty)
    }

    @Test func enablingTheTransmitterInterruptRaisesIt() {
        set(1, 2)
        #expect(line.count == 1)
        #expect(get(2) & 0x0f == 0x02)
        #expect(get(2) & 0x0f == 0x01)
        set(1, 0)
        set(1, 2)
        #expect(line.count == 2)
    }

    @Test func oneInterruptCoversABurst() {
        set(1, 2)
        _ = get(2)
        for _ in 0..<16 { set(0, 0x41) }
        #expect(line.count == 2)
        #expect(get(2) & 0x0f == 0x02)
        set(0, 0x41)
        #expect(line.count == 3)
    }

    @Test func inputIsReadInOrder() {
        set(1, 1)
        #expect(port.enqueue(Array("ok".utf8)) == 2)
        #expect(line.count == 1)
        #expect(get(2) & 0x0f == 0x04)
        #expect(get(5) & 1 == 1)
        #expect(get(0) == 0x6f && get(0) == 0x6b)
        #expect(get(5) == 0x60)
        #expect(get(2) & 0x0f == 0x01)
        port.enqueue([1])
        #expect(line.count == 2)
    }

    @Test func inputBelowTheTriggerLevelIsReportedAsATimeOut() {
        set(2, 0x81)
        set(1, 1)
        port.enqueue([UInt8](repeating: 1, count: 7))
        #expect(get(2) == 0xcc)
        port.enqueue([1])
        #expect(get(2) == 0xc4)
    }

    @Test func inputIsBoundedAndReportsWhenThereIsRoom() {
        var drained = 0
        port.onInputDrained = { drained += 1 }
        let flood = [UInt8](repeating: 9, count: SerialPort.inputCapacity + 5)
        #expect(port.enqueue(flood) == SerialPort.inputCapacity)
        #expect(port.inputRoom == 0 && port.enqueue([1]) == 0)
        for _ in 0..<SerialPort.inputCapacity { _ = get(0) }
        #expect(drained == 1)
        #expect(get(0) == 0 && port.inputRoom == SerialPort.inputCapacity)
        port.enqueue([1, 2])
        set(2, 0x03)
        #expect(drained == 2 && get(5) & 1 == 0)
    }

    @Test func loopbackStaysInside() {
        set(4, 0x10)
        set(0, 0x55)
        port.flush()
        #expect(sink.batches.isEmpty)
        #expect(get(0) == 0x55)
        #expect(port.enqueue([1]) == 0)
        for _ in 0...SerialPort.inputCapacity { set(0, 1) }
        #expect(get(5) & 2 == 2)
        #expect(get(5) & 2 == 0)
    }

    @Test func modemLinesInLoopbackFollowTheOutputs() {
        #expect(get(6) == 0xb0)
        set(1, 8)
        set(4, 0x10)
        #expect(line.count == 1)
        #expect(get(2) & 0x0f == 0)
        #expect(get(6) == 0x0b)
        #expect(get(6) == 0)
    }

    @Test func wideAndStrangeAccessesDoNothing() {
        port.write(0x4141, offset: 0, width: 2)
        port.write(0x41, offset: 9, width: 1)
        port.write(0x41, offset: .max, width: 1)
        port.flush()
        #expect(sink.batches.isEmpty)
        #expect(port.read(offset: 5, width: 4) == 0 && get(8) == 0)
    }

    private func saved() -> [UInt8] {
        var writer = StateWriter()
        port.save(to: &writer)
        return writer.bytes
    }

    @Test func aSavedPortGoesOn() throws {
        set(1, 3)
        set(7, 0x77)
        set(0, 0x41)
        port.enqueue([1, 2])
        let state = saved()
        #expect(sink.batches == [[0x41]])

        let line = CountingLine()
        let second = SerialPort(interrupt: line) { _ in }
        var reader = StateReader(state)
        try second.restore(from: &reader)
        second.resume()
        #expect(line.count == 1)
        #expect(second.read(offset: 7, width: 1) == 0x77)
        #expect(second.read(offset: 0, width: 1) == 1)
        var writer = StateWriter()
        second.save(to: &writer)
        #expect(writer.bytes != state)
    }

    @Test func savedStateThatIsCutOrTooLargeIsRefused() {
        port.enqueue([UInt8](repeating: 1, count: SerialPort.inputCapacity))
        let state = saved()
        for count in [0, 1, state.count / 2, state.count - 1] {
            var reader = StateReader(Array(state.prefix(count)))
            #expect(throws: StateError.self) { try port.restore(from: &reader) }
        }
        var writer = StateWriter()
        writer.section("serial", version: 1) {
            $0.write(UInt64(0))  // eight register bytes
            $0.write(UInt16(0))  // two truth values
            $0.write([UInt8](repeating: 1, count: SerialPort.inputCapacity + 1))
        }
        var reader = StateReader(writer.bytes)
        #expect(throws: StateError.invalid("1025 bytes of serial input: expected at most 1024")) {
            try port.restore(from: &reader)
        }
        #expect(port.inputRoom == 0)
    }

    @Test func noAccessOfTheGuestTraps() {
        let control = PowerControl { _ in }
        var state: UInt64 = 1
        for _ in 0..<20_000 {
            // xorshift: the same accesses in every run.
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            let offset = state & 0x100 == 0 ? state >> 12 & 7 : state
            let width = 1 << Int(state >> 9 & 3)
            for device in [port, control] as [any BusDevice] {
                if state & 0x200 == 0 {
                    device.write(state >> 20, offset: offset, width: width)
                } else {
                    _ = device.read(offset: offset, width: width)
                }
            }
            if state & 0xf000 == 0 { port.enqueue([UInt8(truncatingIfNeeded: state)]) }
        }
        #expect(port.inputRoom >= 0 && port.inputRoom <= SerialPort.inputCapacity)
    }
}
