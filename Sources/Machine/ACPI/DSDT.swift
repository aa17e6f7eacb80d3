import Memory

extension TableWriter {
    /// Differentiated System Description Table (ACPI 6.5 §5.2.11.1): the serial port, the panic port, the virtio
    /// devices, and how to power off.
    mutating func dsdt(deviceCount: Int) -> Int {
        table("DSDT", revision: 2) {
            $0.scope("\\_SB_") {
                $0.serialPort()
                $0.panicPort()
                for index in 0..<deviceCount { $0.virtioDevice(index) }
            }
            // §7.4.2.6: the sleep type for the sleep control register.
            $0.name("_S5_") { $0.package(of: [UInt32(PowerControl.softOffType), 0, 0, 0]) }
        }
    }

    private mutating func serialPort() {
        device("COM1") {
            $0.name("_HID", integer: 0x0105_d041)  // EISA id PNP0501: a 16550A
            $0.name("_UID", integer: 1)
            $0.currentResources {
                $0.ports(UInt16(PortMap.serial), count: UInt8(PortMap.serialCount))
                $0.interrupt(InterruptMap.serial, shared: false)
            }
        }
    }

    /// The pvpanic device, by which Linux reports that it panics.
    private mutating func panicPort() {
        device("PEVT") {
            $0.name("_HID", string: "QEMU0001")
            $0.currentResources { $0.ports(UInt16(PowerControl.panic), count: 1) }
        }
    }

    /// A virtio-mmio device, as Linux's virtio_mmio driver knows it by its ACPI id.
    private mutating func virtioDevice(_ index: Int) {
        let window = MachineLayout.window(ofVirtioDevice: index)
        device(Self.virtioName(index)) {
            $0.name("_HID", string: "LNRO0005")
            $0.name("_UID", integer: UInt32(index))
            $0.currentResources {
                $0.fixedMemory(UInt32(window.start.rawValue), sizeInBytes: UInt32(window.sizeInBytes))
                $0.interrupt(InterruptMap.line(ofVirtioDevice: index), shared: true)
            }
        }
    }

    /// "V" and the index in three hexadecimal digits.
    private static func virtioName(_ index: Int) -> String {
        let digits = String(index, radix: 16, uppercase: true)
        return "V" + String(repeating: "0", count: 3 - digits.count) + digits
    }
}
