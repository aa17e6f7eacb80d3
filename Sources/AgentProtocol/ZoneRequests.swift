/// Answers when this many bytes of the zone are online. `CreateContainer` waits by itself; this is for a zone that
/// grows.
public struct OnlineZone: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.onlineZone

    /// The zone's, from 1; ENOENT where there is none.
    public var node: UInt32
    /// A multiple of 128 MiB, counted from the zone's base.
    public var sizeInBytes: UInt64
    /// In milliseconds; then the request fails with ETIMEDOUT.
    public var timeout: UInt32

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(node: UInt32, sizeInBytes: UInt64, timeout: UInt32 = 5000) {
        self.node = node
        self.sizeInBytes = sizeInBytes
        self.timeout = timeout
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.integer(node)
        encoder.integer(sizeInBytes)
        encoder.integer(timeout)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        node = try decoder.integer()
        sizeInBytes = try decoder.integer()
        timeout = try decoder.integer()
    }
}

/// Takes every online block of an empty zone offline. A zone with pages in it is left alone, and reported so.
public struct OfflineZone: Request, Equatable {
    public typealias Reply = ZoneOffline
    public static let type = MessageType.offlineZone

    /// The zone's, from 1; ENOENT where there is none, EBUSY where a container is in it.
    public var node: UInt32
    /// In milliseconds; then what was taken offline stays so, and `ZoneOffline.code` is ETIMEDOUT.
    public var timeout: UInt32

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(node: UInt32, timeout: UInt32 = 5000) {
        self.node = node
        self.timeout = timeout
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.integer(node)
        encoder.integer(timeout)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        node = try decoder.integer()
        timeout = try decoder.integer()
    }
}

/// What became of a zone's memory. Pages are 4 KiB.
public struct ZoneOffline: Message, Equatable {
    public static let type = MessageType.zoneOffline

    /// Bytes of the zone that are still online; 0 when it worked.
    public var onlineBytes: UInt64
    /// Pages that stood in the way when the zone was looked at (nodeN/vmstat), here nr_active_anon + nr_inactive_anon.
    /// With more than the counters' imprecision nothing was taken offline; the three are 0 if it was.
    public var anonymousPages: UInt64
    /// nr_active_file + nr_inactive_file.
    public var filePages: UInt64
    /// nr_shmem.
    public var sharedPages: UInt64
    /// errno of the block that did not go offline; 0 where all did. ETIMEDOUT: pages that stay pinned.
    public var code: Int32
    /// Pages that the guest has migrated while the blocks went offline (vmstat pgmigrate_success); should be 0.
    public var pagesMigrated: UInt64
    /// `zoneOffline` once for each block, in order.
    public var timings: [StepTiming]

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(
        onlineBytes: UInt64, anonymousPages: UInt64, filePages: UInt64, sharedPages: UInt64, code: Int32,
        pagesMigrated: UInt64, timings: [StepTiming]
    ) {
        self.onlineBytes = onlineBytes
        self.anonymousPages = anonymousPages
        self.filePages = filePages
        self.sharedPages = sharedPages
        self.code = code
        self.pagesMigrated = pagesMigrated
        self.timings = timings
    }

    /// Whether the zone may be unplugged.
    public var isOffline: Bool { onlineBytes == 0 }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.integer(onlineBytes)
        encoder.integer(anonymousPages)
        encoder.integer(filePages)
        encoder.integer(sharedPages)
        encoder.integer(code)
        encoder.integer(pagesMigrated)
        encoder.timings(timings)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        onlineBytes = try decoder.integer()
        anonymousPages = try decoder.integer()
        filePages = try decoder.integer()
        sharedPages = try decoder.integer()
        code = try decoder.integer()
        pagesMigrated = try decoder.integer()
        timings = try decoder.timings()
    }
}
