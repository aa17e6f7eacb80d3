public import Devices

/// A 16550A (National Semiconductor PC16550D data sheet): the machine's console, COM1 on interrupt 4.
///
/// What the guest sends is collected and handed to `output` in pieces: at the end of a line, when `outputBatch` bytes
/// are there, and when the interrupt enable register is written, which ends every write of Linux's driver to the port.
/// The caller that ends the machine calls `flush()`.
///
/// The interrupt is edge-triggered: the line is raised whenever an enabled cause comes up that was not there before.
/// Not thread-safe: protected by the VM's device lock.
public final class SerialPort: BusDevice {
    /// The most bytes that are kept back.
    public static let outputBatch = 1024

    private let interrupt: any InterruptLine
    private let output: ([UInt8]) -> Void
    private var pending: [UInt8] = []
    private var registers = SerialState()

    /// The most bytes of input that wait for the guest.
    public static var inputCapacity: Int { SerialState.inputCapacity }

    /// Called when the guest has taken the last byte of input, and there is room for `inputCapacity` more.
    public var onInputDrained: (() -> Void)?

    public init(interrupt: any InterruptLine, output: @escaping ([UInt8]) -> Void) {
        self.interrupt = interrupt
        self.output = output
        pending.reserveCapacity(Self.outputBatch)
    }

    /// Saves the registers and the input that the guest has not read; output is handed on first.
    public func save(to writer: inout StateWriter) {
        flush()
        registers.save(to: &writer)
    }

    /// Takes up what was saved.
    public func restore(from reader: inout StateReader) throws(StateError) {
        registers = try SerialState(from: &reader)
    }

    /// Repeats an interrupt that was asked for when the machine was saved: it may not have reached the guest.
    public func resume() {
        if !registers.causes.isEmpty { interrupt.raise() }
    }

    /// How many bytes `enqueue` takes now.
    public var inputRoom: Int { SerialState.inputCapacity - registers.input.count }

    /// Bytes for the guest to read; how many were taken.
    @discardableResult
    public func enqueue(_ bytes: some Collection<UInt8>) -> Int {
        // In loopback mode the receiver is disconnected from the outside; the sender keeps what it has.
        guard !registers.modemControl.contains(.loopback) else { return 0 }
        let count = min(bytes.count, inputRoom)
        change { $0.input.append(contentsOf: bytes.prefix(count)) }
        return count
    }

    /// Hands on what was collected.
    public func flush() {
        guard !pending.isEmpty else { return }
        output(pending)
        pending.removeAll(keepingCapacity: true)
    }

    public func read(offset: UInt64, width: Int) -> UInt64 {
        guard width == 1 else { return 0 }
        return UInt64(readRegister(offset))
    }

    public func write(_ value: UInt64, offset: UInt64, width: Int) {
        guard width == 1 else { return }
        writeRegister(UInt8(truncatingIfNeeded: value), offset)
    }

    private func readRegister(_ offset: UInt64) -> UInt8 {
        switch offset {
        case 0 where registers.divisorLatched: return UInt8(truncatingIfNeeded: registers.divisor)
        case 0: return receive()
        case 1 where registers.divisorLatched: return UInt8(truncatingIfNeeded: registers.divisor >> 8)
        case 1: return registers.interruptEnable.rawValue
        case 2: return identifyInterrupt()
        case 3: return registers.lineControl
        case 4: return registers.modemControl.rawValue
        case 5: return lineStatus()
        case 6:
            defer { registers.modemDeltas = 0 }
            return registers.modemLines | registers.modemDeltas
        case 7: return registers.scratch
        default: return 0
        }
    }

    private func writeRegister(_ value: UInt8, _ offset: UInt64) {
        switch offset {
        case 0 where registers.divisorLatched: registers.divisor = registers.divisor & 0xff00 | UInt16(value)
        case 0: transmit(value)
        case 1 where registers.divisorLatched: registers.divisor = registers.divisor & 0xff | UInt16(value) << 8
        case 1: enableInterrupts(.init(rawValue: value).intersection(.all))
        case 2: controlFIFO(value)
        case 3: registers.lineControl = value
        case 4: controlModem(.init(rawValue: value).intersection(.all))
        case 7: registers.scratch = value
        default: break  // line and modem status are read-only
        }
    }

    /// Changes the registers, and raises the line for a cause that came up by it.
    private func change(_ change: (inout SerialState) -> Void) {
        let before = registers.causes
        change(&registers)
        if !registers.causes.subtracting(before).isEmpty { interrupt.raise() }
    }

    private func receive() -> UInt8 {
        guard !registers.input.isEmpty else { return 0 }
        let byte = registers.input.removeFirst()
        if registers.input.isEmpty { onInputDrained?() }
        return byte
    }

    private func transmit(_ byte: UInt8) {
        guard !registers.modemControl.contains(.loopback) else { return loopBack(byte) }
        pending.append(byte)
        if byte == UInt8(ascii: "\n") || pending.count >= Self.outputBatch { flush() }
        change { $0.transmitterEmptyPending = true }
    }

    private func loopBack(_ byte: UInt8) {
        change {
            if $0.input.count < SerialState.inputCapacity { $0.input.append(byte) } else { $0.overrun = true }
            $0.transmitterEmptyPending = true
        }
    }

    private func enableInterrupts(_ enabled: SerialState.InterruptEnable) {
        flush()
        change {
            // The transmitter is always empty: enabling its interrupt asks for it (Linux tests that).
            if enabled.contains(.transmitterEmpty), !$0.interruptEnable.contains(.transmitterEmpty) {
                $0.transmitterEmptyPending = true
            }
            $0.interruptEnable = enabled
        }
    }

    private func identifyInterrupt() -> UInt8 {
        let identification = registers.interruptIdentification
        // Reading it takes the transmitter's interrupt back, if that is what it named.
        if identification & 0x0f == 0x02 { registers.transmitterEmptyPending = false }
        return identification
    }

    private func lineStatus() -> UInt8 {
        defer { registers.overrun = false }
        // Transmitter and its holding register are empty: bytes leave at once.
        return 0x60 | (registers.input.isEmpty ? 0 : 0x01) | (registers.overrun ? 0x02 : 0)
    }

    private func controlFIFO(_ value: UInt8) {
        let clearsInput = value & 0x02 != 0 || (value ^ registers.fifoControl) & 0x01 != 0
        registers.fifoControl = value & SerialState.storedFIFOControl
        guard clearsInput, !registers.input.isEmpty else { return }
        registers.input.removeAll(keepingCapacity: true)
        onInputDrained?()
    }

    private func controlModem(_ control: SerialState.ModemControl) {
        change {
            let before = $0.modemLines
            $0.modemControl = control
            // CTS, DSR and DCD report any change, RI its trailing edge.
            let changed = before ^ $0.modemLines
            $0.modemDeltas |= (changed & 0xb0) >> 4 | (changed & before & 0x40) >> 4
        }
    }
}
