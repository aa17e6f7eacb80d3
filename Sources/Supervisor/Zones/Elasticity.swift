import ControlProtocol
import Geometry
import Zones

/// How a container's zone grows and shrinks with what it uses.
struct Elasticity {
    /// Of its zone, in bytes.
    let maxInBytes: UInt64
    /// Its caller receives each change.
    let isReported: Bool
    /// It has asked for more while its zone was changing.
    var isWaiting = false
    /// What it has said that it has left online while its zone was changing; 0: nothing.
    var returned: UInt64 = 0
    /// When it last got no more, by `MonotonicClock`; 0: it got what it asked for.
    var deniedAt: UInt64 = 0
    /// Why it got no more when it last asked though it may have more; empty where it got it.
    var denial = ""

    /// Nil for a container whose zone does not grow.
    init?(_ request: RunRequest, in zone: Zone) {
        let max = min(request.maxZoneSizeInBytes, zone.sizeInBytes)
        guard max > request.zoneSizeInBytes, ZoneGeometry.isWholeBlocks(max) else { return nil }
        maxInBytes = max
        isReported = request.wantsZoneSizes
    }
}
