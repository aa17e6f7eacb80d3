import AgentProtocol

/// Files and directories of the host for a container that is about to be run: volumes. Their descriptors travel with the
/// request, one for each, in order.
///
/// A container's mounts name them by their number, from 0, over all requests for it: `.share(tag: AttachRequest.tag,
/// path: "0")`. They are the container's from its `run` on this connection, and go with it; where that is refused, or never
/// comes before the connection's end, they go at once.
public struct AttachRequest: Equatable, Sendable {
    /// What the guest knows the share by that all volumes are in.
    public static let tag = "czone"
    /// The most volumes of one request; further ones come with further requests.
    public static let maxVolumes = ControlLimits.descriptors
    /// The most volumes of one container.
    public static let maxVolumesOfContainer = 128

    /// A file or directory of the host's, and how it is shared.
    public struct Volume: Equatable, Sendable {
        /// The guest can change nothing, whatever it mounts it as.
        public var isReadOnly: Bool
        /// The descriptor shows the mounts below it too.
        public var isRecursive: Bool
        /// Nobody changes anything of it while it is attached, so the guest need not ask twice.
        public var isConstant: Bool

        public init(isReadOnly: Bool, isRecursive: Bool, isConstant: Bool = false) {
            self.isReadOnly = isReadOnly
            self.isRecursive = isRecursive
            self.isConstant = isConstant
        }
    }

    /// The id of the container that they are for.
    public var container: String
    /// One for each descriptor that comes with the request, in their order.
    public var volumes: [Volume]

    public init(container: String, volumes: [Volume]) {
        self.container = container
        self.volumes = volumes
    }

    func encode(into encoder: inout MessageEncoder) {
        encoder.name(container)
        encoder.list(volumes, "volumes", atMost: Self.maxVolumes) { encoder, volume in
            encoder.flag(volume.isReadOnly)
            encoder.flag(volume.isRecursive)
            encoder.flag(volume.isConstant)
        }
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.name()
        volumes = try decoder.list("volumes", atMost: Self.maxVolumes) { d throws(ProtocolError) in
            Volume(
                isReadOnly: try d.flag("read-only"), isRecursive: try d.flag("recursive"),
                isConstant: try d.flag("constant"))
        }
    }
}
