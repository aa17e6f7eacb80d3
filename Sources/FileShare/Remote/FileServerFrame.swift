import LinuxSystem
import SystemPackage

/// What goes over a connection between a VM and its file server: a header of four numbers of 32 bits, then bytes. The VM
/// asks, the server answers, one at a time.
///
///     request   kind, length, room or options, 0          the bytes: a request of the guest's; a volume's id
///     reply     length, length of the complaint, is a failure, 0      the bytes: the answer; then the complaint
struct FileServerFrame {
    enum Kind: UInt32 {
        /// A request of the guest's.
        case answer = 1
        /// A volume, whose descriptor comes with it: its id, or why not.
        case attach = 2
        case detach = 3
        /// A sign of life: an answer without a byte.
        case probe = 4
    }

    static let headerSize = 16
    /// A volume's id, or a reason.
    static let maxText = 4096

    static func header(_ words: UInt32...) -> [UInt8] {
        var bytes: [UInt8] = []
        for word in words { bytes.append(littleEndian: word) }
        return bytes
    }

    static func words(_ bytes: [UInt8]) -> [UInt32] {
        stride(from: 0, to: headerSize, by: 4).map { place in
            (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << (8 * UInt32($1)) }
        }
    }

    /// Reads exactly so many bytes of a blocking stream; nil at its end.
    static func receive(_ count: Int, from socket: OwnedDescriptor) throws(SystemError) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let piece = try socket.read(atMost: count - bytes.count)
            if piece.isEmpty { return nil }
            if bytes.isEmpty { bytes = piece } else { bytes += piece }
        }
        return bytes
    }
}
