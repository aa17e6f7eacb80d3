import ControlProtocol

// The labels' values of docs/metrics.md: dashboards and alerts rely on them, so they are written out here and do not
// change with the names of cases.

extension CountedEvent.ExitKind {
    var label: String {
        switch self {
        case .completed: "completed"
        case .failed: "failed"
        case .signalled: "signalled"
        case .outOfMemory: "out_of_memory"
        case .ended: "ended"
        }
    }
}

extension CountedEvent.QuarantineKind {
    var label: String {
        switch self {
        case .notEmpty: "not_empty"
        case .timeout: "timeout"
        case .inconsistent: "inconsistent"
        case .hostFailure: "host_failure"
        }
    }
}

extension CountedEvent.GuestPart {
    var label: String {
        switch self {
        case .network: "network"
        case .entropy: "entropy"
        case .balloon: "balloon"
        case .vsock: "vsock"
        case .memory: "memory"
        case .fileSystem: "file_system"
        case .persistentMemory: "persistent_memory"
        case .agent: "agent"
        }
    }
}

extension CountedEvent.Direction {
    var label: String {
        switch self {
        case .received: "received"
        case .transmitted: "transmitted"
        }
    }
}

extension CountedEvent.FrameLoss {
    var label: String {
        switch self {
        case .spoofed: "spoofed"
        case .portless: "portless"
        case .malformed: "malformed"
        case .refused: "refused"
        case .misdirected: "misdirected"
        case .undeliverable: "undeliverable"
        }
    }
}

extension Refusal.Reason {
    static let all: [Refusal.Reason] = (UInt8.min...UInt8.max).compactMap { Refusal.Reason(rawValue: $0) }

    var label: String {
        switch self {
        case .invalid: "invalid"
        case .full: "full"
        case .notFound: "not_found"
        case .exists: "exists"
        case .wrongState: "wrong_state"
        case .guestFailed: "guest_failed"
        case .failed: "failed"
        case .programNotFound: "program_not_found"
        case .programNotRunnable: "program_not_runnable"
        case .lost: "lost"
        case .late: "late"
        case .noFileServer: "no_file_server"
        }
    }
}

extension ContainerReport.State {
    var label: String {
        switch self {
        case .starting: "starting"
        case .running: "running"
        case .paused: "paused"
        case .ending: "ending"
        }
    }
}
