/// What a user asks for with `czone run`, or a function's definition with each of its containers.
public struct RunOptions: Equatable, Sendable {
    public var image = ""
    public var arguments: [String] = []
    public var function: String?
    public var tenant = "default"
    public var memory: ByteSize?
    /// CPUs that it may use at most, in thousandths.
    public var milliCPUs: UInt64?
    public var name: String?
    public var hostname: String?
    public var isDetached = false
    public var isRemovedAtEnd = false
    public var isInteractive = false
    public var hasTerminal = false
    public var environment: [String] = []
    public var environmentFiles: [String] = []
    public var workingDirectory: String?
    public var user: String?
    public var entryPoint: String?
    public var isReadOnly = false
    /// Whether it has users of its own.
    public var hasOwnUsers = false
    public var addedCapabilities: [String] = []
    public var droppedCapabilities: [String] = []
    public var processesMax: Int64?
    public var volumes: [String] = []
    /// `none`, or `ns:` and the path of a network namespace.
    public var network = "none"
    /// The policy by which it reaches cloud services through its tenant's fabric; nil: it does not.
    public var fabric: String?
    public var isAlone = false
    public var isWarmStart = false
    /// Names of variables, with commas between them.
    public var varying: [String] = []
    /// `max-size=SIZE`, `max-file=COUNT`.
    public var logOptions: [String] = []
    /// Where the start's time went is printed.
    public var showsTimings = false

    public init() {}
}
