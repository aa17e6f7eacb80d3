/// The bounds of the agent's waits, in milliseconds. Two more come with requests: `CreateContainer.zoneTimeout` and
/// `OnlineZone.timeout` (then the request fails, and the zone stays as it is), and the timeouts of `DeleteContainer`
/// and `OfflineZone`. No request waits for what has no bound: the connection to the host, which is tried again each
/// second; a created container until its start; output that the host does not read while its container runs.
enum WaitLimit {
    /// A new process from its clone, or from `StartContainer`, to the execution of its program. Then it is killed, and
    /// its request fails.
    static let launch: UInt32 = 20_000
    /// A process that was killed until it is reaped. Then what waits for it fails; the process, which hangs in the
    /// kernel, keeps its container from being removed.
    static let reap: UInt32 = 2_000
    /// The processes of a container until all are frozen. Then they are thawed, and the request to pause fails.
    static let freeze: UInt32 = 10_000
    /// The end of a container that the host has not asked for yet: what its zone's pages may take.
    static let ownEnd: UInt32 = 60_000
    /// A network namespace that is made for a container to come. Then its maker is killed, and no further one is made
    /// until a container comes.
    static let networkNamespace: UInt32 = 10_000
    /// What a request for measures or for reclaim may take in a worker. Then it is killed, and the request answered
    /// with what there is, or fails.
    static let work: UInt32 = 30_000
    /// File systems' writes at the end of the guest. Then it ends without.
    static let synchronize: UInt32 = 2_000
    /// The host's taking of the last answer.
    static let lastAnswer: UInt32 = 100
}
