public import OCI

/// What a container is, for the commands that come after the one that started it.
public struct ContainerRecord: Codable, Equatable, Sendable {
    public var id: String
    public var function: String
    public var tenant: String
    /// What the user named the image by.
    public var image: String
    public var imageDigest: String
    /// The directory of its function.
    public var key: String
    /// Its VM; nil while none has been asked yet.
    public var virtualMachine: String?
    /// Nanoseconds since 1970 UTC.
    public var created: UInt64
    public var zoneSizeInBytes: UInt64
    /// Its VM is its own: `FunctionKey.isAlone`.
    public var isAlone: Bool
    /// memory.max in the guest.
    public var memoryLimitInBytes: UInt64
    /// What its first process was started as, and what others take over from it.
    public var process: RuntimeSpec.Process
    /// What its processes are kept from; nil: the default profile, which need not be written each time.
    public var seccomp: RuntimeSpec.Seccomp?
    /// It runs without a client; what it prints is in files of `logDirectory`.
    public var isDetached: Bool
    /// Nil: nothing is logged.
    public var logDirectory: String?
    /// Nothing of it is kept when it has ended.
    public var isRemovedAtEnd: Bool

    public init(
        id: String, key: FunctionKey, image: String, created: UInt64, memoryLimitInBytes: UInt64,
        process: RuntimeSpec.Process, isDetached: Bool, isRemovedAtEnd: Bool
    ) {
        self.id = id
        function = key.function
        tenant = key.tenant
        self.image = image
        imageDigest = key.image.description
        self.key = key.directoryName
        self.created = created
        zoneSizeInBytes = key.zoneSizeInBytes
        isAlone = key.isAlone
        self.memoryLimitInBytes = memoryLimitInBytes
        self.process = process
        self.isDetached = isDetached
        self.isRemovedAtEnd = isRemovedAtEnd
    }
}
