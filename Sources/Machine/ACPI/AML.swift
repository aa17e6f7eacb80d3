/// The few terms of ACPI Machine Language that a DSDT of declarations needs (ACPI 6.5 §20.2). Name segments have four
/// letters.
extension TableWriter {
    mutating func scope(_ path: String, body: (inout TableWriter) -> Void) {
        u8(0x10)
        package {
            $0.text(path)
            body(&$0)
        }
    }

    mutating func device(_ segment: String, body: (inout TableWriter) -> Void) {
        u8(0x5b)
        u8(0x82)
        package {
            $0.text(segment)
            body(&$0)
        }
    }

    mutating func name(_ segment: String, value: (inout TableWriter) -> Void) {
        u8(0x08)
        text(segment)
        value(&self)
    }

    mutating func name(_ segment: String, integer value: UInt32) { name(segment) { $0.integer(value) } }

    mutating func name(_ segment: String, string value: String) {
        name(segment) {
            $0.u8(0x0d)
            $0.text(value)
            $0.u8(0)
        }
    }

    mutating func integer(_ value: UInt32) {
        switch value {
        case 0, 1: u8(UInt8(value))
        case ..<0x100:
            u8(0x0a)
            u8(UInt8(value))
        case ..<0x1_0000:
            u8(0x0b)
            u16(UInt16(value))
        default:
            u8(0x0c)
            u32(value)
        }
    }

    /// A package of integers.
    mutating func package(of values: [UInt32]) {
        u8(0x12)
        package {
            $0.u8(UInt8(values.count))
            for value in values { $0.integer(value) }
        }
    }

    /// The current resources of a device (§6.4), less than 250 bytes of them.
    mutating func currentResources(_ resources: (inout TableWriter) -> Void) {
        name("_CRS") {
            $0.u8(0x11)
            $0.package {
                $0.u8(0x0a)
                let size = $0.bytes.count
                $0.u8(0)
                resources(&$0)
                $0.u16(0x0079)  // end tag; checksum 0 means "not checked"
                $0.patch(u8: UInt8($0.bytes.count - size - 1), at: size)
            }
        }
    }

    /// A 32-bit fixed memory range descriptor, read and write (§6.4.3.4).
    mutating func fixedMemory(_ address: UInt32, sizeInBytes: UInt32) {
        u8(0x86)
        u16(9)
        u8(1)
        u32(address)
        u32(sizeInBytes)
    }

    /// An I/O port descriptor, 16-bit decoding, one possible address (§6.4.2.5).
    mutating func ports(_ first: UInt16, count: UInt8) {
        u8(0x47)
        u8(1)
        u16(first)
        u16(first)
        u8(1)
        u8(count)
    }

    /// An extended interrupt descriptor: consumer, edge-triggered, active high (§6.4.3.6).
    mutating func interrupt(_ line: UInt32, shared: Bool) {
        u8(0x89)
        u16(6)
        u8(shared ? 0x0b : 0x03)
        u8(1)
        u32(line)
    }

    /// A package length of three bytes, which may be longer than it need be, and what it counts, itself included
    /// (§20.2.4).
    private mutating func package(_ body: (inout TableWriter) -> Void) {
        let start = bytes.count
        zeros(3)
        body(&self)
        let length = bytes.count - start
        precondition(length < 1 << 20, "an AML package beyond the length of three bytes")
        patch(u8: 0x80 | UInt8(length & 0xf), at: start)
        patch(u8: UInt8(truncatingIfNeeded: length >> 4), at: start + 1)
        patch(u8: UInt8(truncatingIfNeeded: length >> 12), at: start + 2)
    }
}
