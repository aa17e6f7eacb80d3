public import FabricPolicies

/// A function as its operator defines it: what runs in its containers, and how many there may be. Immutable.
public struct FunctionDefinition: Equatable, Sendable {
    /// What a container of it is asked by.
    public enum Kind: String, Equatable, Sendable, CaseIterable {
        /// A server that listens on `$PORT` (Knative's container contract).
        case http
        /// A client of Lambda's Runtime API at `$AWS_LAMBDA_RUNTIME_API`.
        case lambda
        /// A module of JavaScript that exports a handler; the gateway brings the program that serves it.
        case handler
    }

    /// Whether its events are served by compiled code where that can be.
    public enum Acceleration: String, Equatable, Sendable, CaseIterable {
        case off
        case on
        /// It is compiled, and what is not compiled of it is reported; its events are served by containers.
        case observe
    }

    /// How many containers there are, and when.
    public struct Scale: Equatable, Sendable {
        /// Containers that are always there.
        public var min = 0
        public var max = 32
        /// What of a container's concurrency is aimed at, in hundredths.
        public var targetPercent = 70
        /// The window over which concurrency is averaged, and the one that shows a burst, in milliseconds.
        public var windowInMilliseconds: Int64 = 60_000
        public var panicInMilliseconds: Int64 = 6_000
        /// How long a container without requests lives on, in milliseconds.
        public var idleInMilliseconds: Int64 = 120_000
        /// After how long without requests it is paused, in milliseconds; 0: never.
        public var pauseInMilliseconds: Int64 = 10_000

        public init() {}
    }

    /// Lower-case letters, digits and hyphens, at most 63; unique on the host.
    public var name: String
    public var tenant = "default"
    /// As `czone run` takes it.
    public var image: String
    /// Empty: the image's own.
    public var command: [String] = []
    public var kind = Kind.http
    /// What the container's server listens on, and what `$PORT` says.
    public var port: UInt16 = 8080
    /// nil: what the host's configuration says.
    public var memoryInBytes: UInt64?
    /// CPUs that a container may use at most, in thousandths; nil: any.
    public var milliCPUs: UInt64?
    /// Requests at once in one container.
    public var concurrency = 1
    public var scale = Scale()
    /// From a request's coming to the first byte of its answer, in milliseconds.
    public var timeoutInMilliseconds: Int64 = 30_000
    /// Requests that wait for a container at most.
    public var queue = 200
    /// A request that was begun and not answered may be sent again.
    public var retries = false
    /// Containers begin as copies of a process template.
    public var warmStart = false
    /// `$_HANDLER` of a Lambda runtime; the path of a handler's module in the image.
    public var handler = ""
    /// Of a handler.
    public var acceleration = Acceleration.off
    /// Of a handler's events that compiled code has served, how many a container is asked too, in thousandths.
    public var verifiedPermille = 0
    /// What a handler's `fetch` may ask, and nothing else.
    public var fetch: [FabricPolicy.Endpoint] = []
    /// NAME=value each, in the order of their names.
    public var environment: [String] = []
    /// SRC:DST[:ro] each.
    public var volumes: [String] = []
    /// The policy by which it reaches cloud services through the fabric; nil: it does not.
    public var fabric: String?
    /// Host names under which it is reached, besides `/NAME/…`.
    public var hosts: [String] = []

    public init(name: String, image: String) {
        self.name = name
        self.image = image
    }

    /// Whether containers of the other one are the same as its own: what differs is how many there are, and how they
    /// are asked.
    public func hasSameContainers(as other: FunctionDefinition) -> Bool {
        var changed = other
        (changed.scale, changed.queue, changed.retries) = (scale, queue, retries)
        (changed.timeoutInMilliseconds, changed.hosts) = (timeoutInMilliseconds, hosts)
        changed.verifiedPermille = verifiedPermille
        return changed == self
    }
}
