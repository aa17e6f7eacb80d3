public import Devices

/// What the guest asks of the machine as a whole.
public enum PowerEvent: Equatable, Sendable {
    /// ACPI soft-off (S5).
    case powerOff
    /// The ACPI reset register was written; a kernel that panics does so too, after `.panicked`.
    case reset
    /// The guest's kernel reports that it panics. Its last messages are out already.
    case panicked
    /// A payload or an agent ends the machine with an exit code.
    case exit(code: UInt8)
}

/// The machine's power switch: the sleep and reset registers that the FADT names (ACPI 6.5 §4.8.3.7, §4.8.3.6), the
/// panic port that the DSDT names (QEMU's pvpanic specification), and a port that ends the machine with a code.
///
/// ```
/// 0  sleep control   bits 2–4 sleep type, bit 5 sleep enable
/// 1  sleep status    bit 7 wake status: never set, the machine does not come back from S5
/// 2  reset           `resetValue` resets
/// 3  panic           bit 0 panicked; reads as the events that are understood
/// 4  exit            the value is the code
/// ```
public final class PowerControl: BusDevice {
    public static let sleepControl: UInt64 = PortMap.power
    public static let sleepStatus: UInt64 = PortMap.power + 1
    public static let reset: UInt64 = PortMap.power + 2
    public static let panic: UInt64 = PortMap.power + 3
    public static let exit: UInt64 = PortMap.power + 4

    /// What the FADT says must be written to reset.
    public static let resetValue: UInt8 = 0x01
    /// The sleep type that \_S5 of the DSDT gives for soft-off.
    public static let softOffType: UInt8 = 5

    private static let panicked: UInt8 = 0x01

    private let handle: (PowerEvent) -> Void

    /// `handle` is called on the thread of the vCPU that wrote, with the VM's device lock held.
    public init(handle: @escaping (PowerEvent) -> Void) { self.handle = handle }

    public func read(offset: UInt64, width: Int) -> UInt64 {
        guard width == 1, offset < PortMap.powerCount else { return 0 }
        return PortMap.power + offset == Self.panic ? UInt64(Self.panicked) : 0
    }

    public func write(_ value: UInt64, offset: UInt64, width: Int) {
        guard width == 1, offset < PortMap.powerCount else { return }
        let byte = UInt8(truncatingIfNeeded: value)
        switch PortMap.power + offset {
        case Self.sleepControl where byte & 0x20 != 0 && byte >> 2 & 0x07 == Self.softOffType: handle(.powerOff)
        case Self.reset where byte == Self.resetValue: handle(.reset)
        case Self.panic where byte & Self.panicked != 0: handle(.panicked)
        case Self.exit: handle(.exit(code: byte))
        default: break
        }
    }
}
