import AgentProtocol

/// A request with a bound on how long the agent may take to answer it: one without is not sent.
///
/// The bounds are generous: they are for an agent that is silent, not for a slow one. They come after the agent's own
/// (`WaitLimit` there, and `AgentSession.agentTimeoutInMilliseconds`), whose failure says more, and before those of
/// clients (`ControlTimeouts`: 10 s for a report, 120 s for what the guest takes part in, in one request). A late
/// answer is taken, and changes nothing.
protocol BoundedRequest: Request {
    /// In seconds.
    static var deadline: UInt64 { get }
}

// The VM is ended: nothing can run in it.
extension Setup: BoundedRequest { static var deadline: UInt64 { 120 } }
extension Renew: BoundedRequest { static var deadline: UInt64 { 120 } }
extension Settle: BoundedRequest { static var deadline: UInt64 { 180 } }
// The container is refused, or begins from the host's files; one that waits for the image fails.
extension BringImage: BoundedRequest { static var deadline: UInt64 { 60 } }
// Nobody waits for it but who wants the image again, which is refused then.
extension ReleaseImage: BoundedRequest { static var deadline: UInt64 { 60 } }

// The VM is ended by force: after `VirtualMachineLifecycle.powerOffPatience`, answered or not.
extension PowerOff: BoundedRequest { static var deadline: UInt64 { 10 } }

// The container has failed, its caller is refused (`late`), and the agent is asked to delete what may come of it.
extension CreateContainer: BoundedRequest { static var deadline: UInt64 { 100 } }
extension StartContainer: BoundedRequest { static var deadline: UInt64 { 60 } }
// The zone is quarantined; the container is gone for its clients.
extension DeleteContainer: BoundedRequest { static var deadline: UInt64 { 80 } }
extension OfflineZone: BoundedRequest { static var deadline: UInt64 { 80 } }

// The caller is refused (`late`). A process that may come yet is killed, and a container that may freeze yet is resumed.
extension Execute: BoundedRequest { static var deadline: UInt64 { 60 } }
extension PauseContainer: BoundedRequest { static var deadline: UInt64 { 60 } }
// The caller is refused (`late`). What was asked for may be done yet.
extension ResumeContainer: BoundedRequest { static var deadline: UInt64 { 30 } }
extension SendSignal: BoundedRequest { static var deadline: UInt64 { 30 } }
extension ResizeTerminal: BoundedRequest { static var deadline: UInt64 { 30 } }
extension UpdateResources: BoundedRequest { static var deadline: UInt64 { 30 } }
extension OnlineZone: BoundedRequest { static var deadline: UInt64 { 80 } }
extension ListProcesses: BoundedRequest { static var deadline: UInt64 { 30 } }
extension MeasurePlacement: BoundedRequest { static var deadline: UInt64 { 60 } }
extension MeasureNodes: BoundedRequest { static var deadline: UInt64 { 30 } }

// The caller is refused (`late`): later than the longest that the agent tries to connect.
extension RelayConnection: BoundedRequest { static var deadline: UInt64 { 75 } }

// The clock is compared again at the next look.
extension ReadClock: BoundedRequest { static var deadline: UInt64 { 30 } }
extension AdjustClock: BoundedRequest { static var deadline: UInt64 { 30 } }

// The caller gets a description without measures.
extension MeasureContainers: BoundedRequest { static var deadline: UInt64 { 8 } }
// Nobody waits for it.
extension GrowthEnded: BoundedRequest { static var deadline: UInt64 { 30 } }
extension Reclaim: BoundedRequest { static var deadline: UInt64 { 90 } }
