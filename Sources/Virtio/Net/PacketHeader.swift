import LinuxSystem

/// What stands before each frame in a buffer (virtio 1.2 §5.1.6, struct virtio_net_hdr): which checksum is still to be
/// made, and how a large frame is to be cut. Tap devices use the same layout (IFF_VNET_HDR, 12 bytes).
///
/// A value that was copied out of guest memory, or came from a tap.
struct PacketHeader: Equatable {
    static let sizeInBytes = 12
    /// The least that Linux' TCP cuts to (TCP_MIN_GSO_SIZE): less would be many thousand packets for the host to make of
    /// one frame.
    static let minSegmentSize: UInt16 = 8

    struct Flags: OptionSet {
        let rawValue: UInt8
        /// VIRTIO_NET_HDR_F_NEEDS_CSUM
        static let needsChecksum = Flags(rawValue: 1)
        /// VIRTIO_NET_HDR_F_DATA_VALID
        static let dataValid = Flags(rawValue: 2)
    }

    /// VIRTIO_NET_HDR_GSO_…
    enum Segmentation: UInt8 {
        case none = 0
        case tcp4 = 1
        case tcp6 = 4
    }

    var flags: Flags
    var segmentation: Segmentation
    /// Bytes of headers before the payload of a frame that is to be cut; a hint.
    var headerLength: UInt16
    /// Bytes of payload in each part.
    var segmentSize: UInt16
    /// Where the checksum begins, and where it belongs behind that.
    var checksumStart: UInt16
    var checksumOffset: UInt16

    /// The first 12 bytes, which must be there; nil for a kind of segmentation that nobody was offered. Flags that are
    /// not known are ignored (§5.1.6.2.2).
    init?(_ bytes: ArraySlice<UInt8>) {
        let first = bytes.startIndex
        func short(_ place: Int) -> UInt16 { UInt16(bytes[first + place]) | UInt16(bytes[first + place + 1]) << 8 }
        guard let segmentation = Segmentation(rawValue: bytes[first + 1]) else { return nil }
        flags = Flags(rawValue: bytes[first]).intersection([.needsChecksum, .dataValid])
        self.segmentation = segmentation
        headerLength = short(2)
        segmentSize = short(4)
        checksumStart = short(6)
        checksumOffset = short(8)
    }

    /// The header's bytes; `bufferCount` counts for frames to the driver only.
    func bytes(bufferCount: UInt16 = 0) -> [UInt8] {
        func low(_ value: UInt16) -> UInt8 { UInt8(truncatingIfNeeded: value) }
        func high(_ value: UInt16) -> UInt8 { UInt8(truncatingIfNeeded: value >> 8) }
        return [
            flags.rawValue, segmentation.rawValue, low(headerLength), high(headerLength), low(segmentSize),
            high(segmentSize), low(checksumStart), high(checksumStart), low(checksumOffset), high(checksumOffset),
            low(bufferCount), high(bufferCount),
        ]
    }

    /// Whether the fields agree with each other and with a frame of so many bytes. A lie here would make the host's
    /// kernel write a checksum, or cut, where there is no frame.
    func isSound(forFrameOf frameSize: Int) -> Bool {
        if flags.contains(.needsChecksum) {
            guard Int(checksumStart) >= NetworkFrame.headerSize,
                Int(checksumStart) + Int(checksumOffset) + 2 <= frameSize
            else { return false }
        }
        guard segmentation != .none else { return true }
        return flags.contains(.needsChecksum) && segmentSize >= Self.minSegmentSize && Int(headerLength) <= frameSize
    }

    /// The header of the same frame with `count` bytes more before its checksum, or fewer; nil where that is impossible.
    func shifted(by count: Int) -> PacketHeader? {
        var result = self
        if flags.contains(.needsChecksum) {
            guard let start = UInt16(exactly: Int(checksumStart) + count) else { return nil }
            result.checksumStart = start
        }
        if segmentation != .none, headerLength != 0 {
            guard let length = UInt16(exactly: Int(headerLength) + count) else { return nil }
            result.headerLength = length
        }
        return result
    }
}

/// What the driver gets in front of a frame's type: header, addresses, and the tag of the port that it came by.
struct PacketPrefix {
    let header: PacketHeader
    let addresses: ArraySlice<UInt8>
    let port: UInt16

    /// `bufferCount`: how many of the driver's buffers the frame is in.
    func bytes(bufferCount: UInt16) -> [UInt8] {
        header.bytes(bufferCount: bufferCount) + addresses + NetworkFrame.tag(ofPort: port)
    }
}
