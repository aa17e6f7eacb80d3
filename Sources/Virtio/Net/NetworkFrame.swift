/// The beginning of an Ethernet frame as it travels between the device and its driver: with the tag of its port
/// (IEEE 802.1Q) behind the addresses.
struct NetworkFrame {
    /// Destination, source, type.
    static let headerSize = 14
    static let addressesSize = 12
    static let tagSize = 4
    /// The most bytes of a frame without its tag: an IP packet of 65535 bytes in Ethernet.
    static let maxBytes = headerSize + 65_535
    /// The tag protocol identifier of a VLAN.
    static let tagProtocol: UInt16 = 0x8100

    let destination: EthernetAddress
    let source: EthernetAddress
    /// The VLAN identifier, which is the port's number; nil where there is no tag.
    let port: UInt16?

    /// The first 16 bytes of a frame, which must be there.
    init(_ bytes: ArraySlice<UInt8>) {
        let first = bytes.startIndex
        func short(_ place: Int) -> UInt16 { UInt16(bytes[first + place]) << 8 | UInt16(bytes[first + place + 1]) }
        destination = EthernetAddress(bytes)
        source = EthernetAddress(bytes.dropFirst(EthernetAddress.sizeInBytes))
        // The upper four bits are priority and drop eligibility: they mean nothing here.
        port = short(Self.addressesSize) == Self.tagProtocol ? short(Self.addressesSize + 2) & 0xfff : nil
    }

    static func tag(ofPort number: UInt16) -> [UInt8] {
        [UInt8(tagProtocol >> 8), UInt8(tagProtocol & 0xff), UInt8(number >> 8 & 0xf), UInt8(number & 0xff)]
    }
}
