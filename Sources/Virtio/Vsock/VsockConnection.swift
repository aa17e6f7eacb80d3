import LinuxSystem

/// The two ports of a connection between this host and its guest.
struct VsockConnectionID: Hashable, Sendable {
    let hostPort: UInt32
    let guestPort: UInt32
}

/// Packets without payload that a connection owes the guest.
struct DuePackets: OptionSet {
    let rawValue: UInt8
    static let request = DuePackets(rawValue: 1)
    static let response = DuePackets(rawValue: 2)
    static let creditUpdate = DuePackets(rawValue: 4)
    static let shutdown = DuePackets(rawValue: 8)
    static let reset = DuePackets(rawValue: 16)
}

/// A stream between a guest port and a descriptor of the host, with its credit (virtio 1.2 §5.10.6.3).
///
/// What the guest sends goes straight to the descriptor; what that does not take now is kept here, never more than
/// `bufferSize`, because the guest has no credit for more and loses the connection if it sends more all the same.
/// Protected by the device lock.
final class VsockConnection {
    /// The most bytes that the guest may have under way.
    static let bufferSize: UInt32 = 256 << 10

    let id: VsockConnectionID
    /// A non-blocking stream socket.
    let descriptor: OwnedDescriptor
    var isEstablished: Bool
    var due: DuePackets = []
    /// What the event loop watches the descriptor for.
    var watched: Readiness = []
    /// Bytes of the guest that the descriptor has not taken yet.
    private(set) var pending: ArraySlice<UInt8> = []

    /// The guest's buffer and how much it has taken out of it; how much was sent to it. All wrap around.
    private var peerAllocated: UInt32 = 0
    private var peerForwarded: UInt32 = 0
    private var sent: UInt32 = 0
    /// How much the descriptor took, and what of that was reported to the guest.
    private(set) var forwarded: UInt32 = 0
    private var announced: UInt32 = 0

    /// The descriptor's peer has ended its sending.
    var hostHasEnded = false
    var guestWillNotSend = false
    var guestWillNotReceive = false
    /// The guest has forgotten the connection; what is pending still goes out.
    var guestIsGone = false

    init(_ id: VsockConnectionID, descriptor: OwnedDescriptor, isEstablished: Bool) {
        self.id = id
        self.descriptor = descriptor
        self.isEstablished = isEstablished
    }

    /// How many bytes may be sent to the guest now.
    var credit: Int {
        let underWay = sent &- peerForwarded
        return underWay >= peerAllocated ? 0 : Int(peerAllocated - underWay)
    }

    /// How many bytes the guest may send now.
    var room: Int { Int(Self.bufferSize) - pending.count }

    func updateCredit(_ header: VsockHeader) {
        peerAllocated = header.bufferAllocated
        peerForwarded = header.forwardedCount
    }

    func countSent(_ count: Int) { sent = sent &+ UInt32(truncatingIfNeeded: count) }

    func countForwarded(_ count: Int) { forwarded = forwarded &+ UInt32(truncatingIfNeeded: count) }

    /// Whether the guest should hear of what was forwarded: it may be waiting, and hears of it with data anyway.
    var announcementIsDue: Bool { forwarded &- announced >= Self.bufferSize / 4 }

    func noteAnnouncement() { announced = forwarded }

    func keep(_ bytes: [UInt8]) {
        if pending.isEmpty { pending = bytes[...] } else { pending += bytes }
    }

    func dropPending(_ count: Int) {
        pending = pending.dropFirst(count)
        if pending.isEmpty { pending = [] }
    }

    /// Whether bytes of the descriptor are wanted: the guest takes them and has credit.
    var wantsInput: Bool {
        isEstablished && !hostHasEnded && !guestWillNotReceive && !guestIsGone
            && due.isDisjoint(with: [.reset, .response])
            && credit > 0
    }

    var wantsOutput: Bool { !pending.isEmpty }
}
