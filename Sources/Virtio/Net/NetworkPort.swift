public import LinuxSystem

/// Where a pod's frames leave and enter: a tap, the one address that may use it, and the number by which device and
/// driver distinguish its frames from those of other ports. Protected by the device lock.
public final class NetworkPort {
    /// The VLAN identifier of its frames between device and driver.
    public let number: UInt16
    /// The only source of frames from it, and the only destination of unicast frames to it.
    public let address: EthernetAddress
    let tap: OwnedDescriptor
    /// Whether the event loop waits for frames from the tap.
    var isWatched = false
    /// What it has carried, without what comes before an Ethernet frame and without tags.
    public internal(set) var traffic = NetworkTraffic()
    /// Its interface has gone: nothing comes from it, nothing goes to it.
    var isDetached = false

    init(number: UInt16, address: EthernetAddress, tap: OwnedDescriptor) {
        self.number = number
        self.address = address
        self.tap = tap
    }
}

/// What has gone through, as the guest sees it; bytes of Ethernet frames.
public struct NetworkTraffic: Equatable, Sendable {
    /// To the guest, in frames.
    public var receivedFrames: UInt64 = 0
    /// To the guest, in bytes.
    public var receivedBytes: UInt64 = 0
    /// From the guest, in frames.
    public var transmittedFrames: UInt64 = 0
    /// From the guest, in bytes.
    public var transmittedBytes: UInt64 = 0

    /// Nothing yet.
    public init() {}

    /// Adds another's, each number to its like.
    public static func += (sum: inout NetworkTraffic, other: NetworkTraffic) {
        sum.receivedFrames &+= other.receivedFrames
        sum.receivedBytes &+= other.receivedBytes
        sum.transmittedFrames &+= other.transmittedFrames
        sum.transmittedBytes &+= other.transmittedBytes
    }

    mutating func noteReceived(_ bytes: Int) {
        receivedFrames &+= 1
        receivedBytes &+= UInt64(bytes)
    }

    mutating func noteTransmitted(_ bytes: Int) {
        transmittedFrames &+= 1
        transmittedBytes &+= UInt64(bytes)
    }
}

/// Why a port cannot be added. Descriptions name the value.
public enum NetworkPortError: Error, Equatable, CustomStringConvertible {
    /// A port with this address is there already.
    case addressInUse(EthernetAddress)
    /// A group address, or 0.
    case notAnAddress(EthernetAddress)
    /// There are as many ports as there can be: so many.
    case tooMany(Int)
    /// The tap could not be made ready.
    case system(SystemError)

    public var description: String {
        switch self {
        case .addressInUse(let address): "another port of this VM has the address \(address)"
        case .notAnAddress(let address): "\(address) is no address of one interface"
        case .tooMany(let most): "the VM has \(most) ports, the most that it can have"
        case .system(let error): "\(error)"
        }
    }
}

/// What the device has moved and thrown away since the machine started, in frames.
public struct NetworkCounters: Equatable, Sendable {
    /// From the guest to a tap.
    public var transmitted: UInt64 = 0
    /// From a tap to the guest.
    public var received: UInt64 = 0
    /// From the guest: with a source address that is not the port's.
    public var spoofed: UInt64 = 0
    /// From the guest: without a port's tag.
    public var portless: UInt64 = 0
    /// From the guest: too short, too long, or with a header that contradicts itself.
    public var malformed: UInt64 = 0
    /// From the guest: the tap did not take it.
    public var refused: UInt64 = 0
    /// From a tap: for another's address.
    public var misdirected: UInt64 = 0
    /// From a tap: larger than the driver's buffers, or in need of something that the driver did not accept.
    public var undeliverable: UInt64 = 0
}
