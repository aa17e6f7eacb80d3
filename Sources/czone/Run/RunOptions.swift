import Runtime

/// What a user asks for with `czone run`.
struct RunOptions: Equatable {
    var image = ""
    var arguments: [String] = []
    var function: String?
    var tenant = "default"
    var memory: ByteSize?
    /// CPUs that it may use at most, in thousandths.
    var milliCPUs: UInt64?
    var name: String?
    var hostname: String?
    var isDetached = false
    var isRemovedAtEnd = false
    var isInteractive = false
    var hasTerminal = false
    var environment: [String] = []
    var environmentFiles: [String] = []
    var workingFolder: String?
    var user: String?
    var entryPoint: String?
    var isReadOnly = false
    var addedCapabilities: [String] = []
    var droppedCapabilities: [String] = []
    var processesMax: Int64?
    var volumes: [String] = []
    /// `none`, or `ns:` and the path of a network namespace.
    var network = "none"
    var isAlone = false
    var isWarmStart = false
    /// Names of variables, with commas between them.
    var varying: [String] = []
    /// Where the start's time went is told.
    var showsTimings = false
}
