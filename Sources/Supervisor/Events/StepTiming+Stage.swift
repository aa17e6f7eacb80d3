import AgentProtocol
import ControlProtocol

extension [StepTiming] {
    /// How long the steps of a stage took together, in microseconds of the guest's clock; what a guest says.
    func microseconds(of stage: StartStage) -> UInt64 {
        filter { $0.step.stage == stage }.reduce(0) { $0 + UInt64($1.microseconds) }
    }
}

extension Step {
    /// The stage of a start that a step belongs to.
    fileprivate var stage: StartStage {
        switch self {
        case .zoneOnline: .plug
        case .image, .rootFileSystem, .mounts, .devices, .pivot, .files, .paths: .mounts
        case .terminal, .workingDirectory, .limits, .credentials, .seccomp, .execute: .exec
        case .request, .clock, .controlGroup, .streams, .clone, .namespaces, .sysctls, .network, .kill, .reap,
            .zoneEmpty,
            .zoneOffline, .freeze, .reclaim:
            .agent
        }
    }
}
