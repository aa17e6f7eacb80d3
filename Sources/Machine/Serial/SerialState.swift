import Devices

/// The registers and queues of a serial port: everything that a saved machine needs of it.
struct SerialState: Equatable {
    /// The receive FIFO of the host's side: larger than a 16550A's 16 bytes, so that pasted text is not lost. Linux
    /// reads as long as LSR says that there is data.
    static let inputCapacity = 1024

    var interruptEnable: InterruptEnable = []
    var fifoControl: UInt8 = 0
    var lineControl: UInt8 = 0
    var modemControl: ModemControl = []
    var scratch: UInt8 = 0
    /// The divisor latch; 12 is 9600 baud. The port is as fast as its reader, whatever the guest sets.
    var divisor: UInt16 = 12
    /// The delta bits of the modem status register, 0 to 3.
    var modemDeltas: UInt8 = 0
    var transmitterEmptyPending = false
    var overrun = false
    var input: [UInt8] = []

    /// Bits of the interrupt enable register.
    struct InterruptEnable: OptionSet {
        let rawValue: UInt8
        static let receivedData = Self(rawValue: 0x01)
        static let transmitterEmpty = Self(rawValue: 0x02)
        static let lineStatus = Self(rawValue: 0x04)
        static let modemStatus = Self(rawValue: 0x08)
        static let all: Self = [.receivedData, .transmitterEmpty, .lineStatus, .modemStatus]
    }

    /// Bits of the modem control register.
    struct ModemControl: OptionSet {
        let rawValue: UInt8
        static let dataTerminalReady = Self(rawValue: 0x01)
        static let requestToSend = Self(rawValue: 0x02)
        static let output1 = Self(rawValue: 0x04)
        static let output2 = Self(rawValue: 0x08)
        static let loopback = Self(rawValue: 0x10)
        static let all = Self(rawValue: 0x1f)
    }

    /// Bits of the FIFO control register that stay.
    static let storedFIFOControl: UInt8 = 0xc9

    var fifoEnabled: Bool { fifoControl & 0x01 != 0 }
    var divisorLatched: Bool { lineControl & 0x80 != 0 }

    /// Bytes that must have come before "received data" is reported; fewer are reported as a time-out at once.
    var receiveTrigger: Int { fifoEnabled ? [1, 4, 8, 14][Int(fifoControl >> 6)] : 1 }

    /// CTS, DSR, RI, DCD: in loopback mode the port's own outputs, else a peer that is always ready.
    var modemLines: UInt8 {
        guard modemControl.contains(.loopback) else { return 0xb0 }
        var lines: UInt8 = 0
        if modemControl.contains(.requestToSend) { lines |= 0x10 }
        if modemControl.contains(.dataTerminalReady) { lines |= 0x20 }
        if modemControl.contains(.output1) { lines |= 0x40 }
        if modemControl.contains(.output2) { lines |= 0x80 }
        return lines
    }

    /// Whether the interrupt that a set of enabled causes asks for is asked for now, highest priority first.
    var interruptIdentification: UInt8 {
        let fifoBits: UInt8 = fifoEnabled ? 0xc0 : 0
        if overrun, interruptEnable.contains(.lineStatus) { return fifoBits | 0x06 }
        if !input.isEmpty, interruptEnable.contains(.receivedData) {
            return fifoBits | (input.count >= receiveTrigger ? 0x04 : 0x0c)
        }
        if transmitterEmptyPending, interruptEnable.contains(.transmitterEmpty) { return fifoBits | 0x02 }
        if modemDeltas != 0, interruptEnable.contains(.modemStatus) { return fifoBits }
        return fifoBits | 0x01
    }

    /// The causes of an interrupt that are enabled and present.
    var causes: InterruptEnable {
        var causes: InterruptEnable = []
        if overrun { causes.insert(.lineStatus) }
        if !input.isEmpty { causes.insert(.receivedData) }
        if transmitterEmptyPending { causes.insert(.transmitterEmpty) }
        if modemDeltas != 0 { causes.insert(.modemStatus) }
        return causes.intersection(interruptEnable)
    }
}

extension SerialState {
    static let section = "serial"
    static let version: UInt16 = 1

    func save(to writer: inout StateWriter) {
        writer.section(Self.section, version: Self.version) {
            for register in [
                interruptEnable.rawValue, fifoControl, lineControl, modemControl.rawValue, scratch, modemDeltas,
            ] { $0.write(register) }
            $0.write(divisor)
            $0.write(transmitterEmptyPending)
            $0.write(overrun)
            $0.write(input)
        }
    }

    /// Bits that the registers cannot have are dropped.
    init(from reader: inout StateReader) throws(StateError) {
        self = try reader.section(Self.section, newest: Self.version) { reader, _ throws(StateError) in
            var state = SerialState()
            state.interruptEnable = try InterruptEnable(rawValue: reader.read()).intersection(.all)
            state.fifoControl = try reader.read() & Self.storedFIFOControl
            state.lineControl = try reader.read()
            state.modemControl = try ModemControl(rawValue: reader.read()).intersection(.all)
            state.scratch = try reader.read()
            state.modemDeltas = try reader.read() & 0x0f
            state.divisor = try reader.read()
            state.transmitterEmptyPending = try reader.readBool()
            state.overrun = try reader.readBool()
            state.input = try reader.readBytes()
            guard state.input.count <= Self.inputCapacity else {
                throw .invalid("\(state.input.count) bytes of serial input: expected at most \(Self.inputCapacity)")
            }
            return state
        }
    }
}
