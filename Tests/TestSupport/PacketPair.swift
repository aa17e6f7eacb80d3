import Glibc
public import LinuxSystem
import SystemPackage

/// Two ends that carry whole packets: a tap, and the network that it leads to.
public struct PacketPair {
    /// For the device under test.
    public let tap: OwnedDescriptor
    /// Never blocks.
    public let network: OwnedDescriptor

    public init() throws {
        var ends: [CInt] = [-1, -1]
        guard unsafe socketpair(AF_UNIX, CInt(SOCK_SEQPACKET.rawValue), 0, &ends) == 0 else {
            throw SystemError("make a pair of sockets", .init(rawValue: errno))
        }
        (tap, network) = (OwnedDescriptor(taking: ends[0]), OwnedDescriptor(taking: ends[1]))
        try network.setNonBlocking()
    }

    /// The packets that have come out of the tap.
    public func takePackets() -> [[UInt8]] {
        var packets: [[UInt8]] = []
        while let packet = try? network.read(atMost: 1 << 17), !packet.isEmpty { packets.append(packet) }
        return packets
    }
}

/// Parts of packets with a header as taps and virtio network devices have it.
public enum PacketBytes {
    /// struct virtio_net_hdr with a count of buffers.
    public static func header(
        flags: UInt8 = 0, segmentation: UInt8 = 0, headerLength: UInt16 = 0, segmentSize: UInt16 = 0,
        checksumStart: UInt16 = 0, checksumOffset: UInt16 = 0, buffers: UInt16 = 0
    ) -> [UInt8] {
        var bytes = [flags, segmentation]
        for field in [headerLength, segmentSize, checksumStart, checksumOffset, buffers] {
            bytes += [UInt8(truncatingIfNeeded: field), UInt8(field >> 8)]
        }
        return bytes
    }

    /// A frame whose payload has as many bytes; with a tag where there is a port.
    public static func frame(
        to destination: UInt64, from source: UInt64, port: UInt16? = nil, payload: Int = 46
    ) -> [UInt8] {
        var bytes = octets(destination) + octets(source)
        if let port { bytes += [0x81, 0x00, UInt8(port >> 8), UInt8(truncatingIfNeeded: port)] }
        bytes += [0x08, 0x00]
        for place in 0..<payload { bytes.append(UInt8(truncatingIfNeeded: place)) }
        return bytes
    }

    private static func octets(_ address: UInt64) -> [UInt8] {
        (0..<6).map { UInt8(truncatingIfNeeded: address >> (40 - 8 * UInt64($0))) }
    }
}
