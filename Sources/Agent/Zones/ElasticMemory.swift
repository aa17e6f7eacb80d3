import Geometry

/// A zone that grows and shrinks with what its container uses.
///
/// | from | by | to |
/// |---|---|---|
/// | steady | memory.high met, by what cannot be dropped | asking |
/// | asking | the host's `GrowthEnded` | steady, or denied |
/// | denied | a while | steady |
/// | steady | much less used than there is | shrinking |
/// | shrinking | its upper blocks offline, or not | steady |
struct ElasticMemory {
    enum State: Equatable {
        case steady
        /// The host has been asked for more.
        case asking
        /// The host has no more now.
        case denied
        /// Blocks are being taken offline.
        case shrinking
    }

    /// What is plugged when the container is made, and never less.
    let firstBytes: UInt64
    /// What it may become.
    let maxBytes: UInt64
    var state = State.steady
    /// Identifies what a wait for the host's answer is for.
    var asked: UInt32 = 0
    /// memory.high was met so often that it was dealt with.
    var highEvents: UInt64 = 0
    /// Looks in a row at which it could have shrunk; below 0 after an attempt that failed.
    var quietLooks = 0

    /// What it may become under a limit of its own.
    func maxBytes(under limit: UInt64) -> UInt64 { min(maxBytes, ElasticZone.size(forLimit: limit)) }
}
