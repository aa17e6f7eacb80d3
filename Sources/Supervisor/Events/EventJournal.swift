import ControlProtocol
import LinuxSystem
import Logging
import Logs
import Metrics
import Virtio
import Zones

/// What has happened in this VM: counted for metrics, and written to the log, each kind of event within a limit of its
/// own, as a guest can bring many of them about as often as it likes. Counts never fall. Protected by the device lock.
final class EventJournal {
    /// Lines of one kind: enough to see what goes on, few enough for the VM's log to last.
    private static let burst: UInt64 = 10
    private static let linesPerSecond: UInt64 = 1

    private(set) var counts: [CountedEvent: UInt64] = [:]
    private(set) var stages: [StartStage: Histogram] = [:]
    private var limits: [CountedEvent: LogRateLimit] = [:]
    private let logger: Logger

    init(_ logger: Logger) { self.logger = logger }

    /// Counts it, and says nothing.
    func add(_ event: CountedEvent) { counts[event] = saturatingSum(counts[event] ?? 0, 1) }

    /// Counts it and says why it happened.
    ///
    /// - Parameter container: the id of the one it is about.
    func note(
        _ event: CountedEvent, _ message: @autoclosure () -> String, container: String? = nil,
        at level: Logger.Level = .warning
    ) {
        add(event)
        log(event, message(), container: container, at: level)
    }

    private func log(
        _ event: CountedEvent, _ message: @autoclosure () -> String, container: String? = nil, at level: Logger.Level
    ) {
        guard level >= logger.logLevel else { return }
        let now = MonotonicClock.nanoseconds
        var limit =
            limits[event] ?? LogRateLimit(burst: Self.burst, linesPerSecond: Self.linesPerSecond, now: now)
        let suppressed = limit.admit(now: now)
        limits[event] = limit
        guard let suppressed else { return add(.suppressedLine) }
        var metadata: Logger.Metadata = [:]
        if let container { metadata["container"] = .string(container) }
        if suppressed > 0 { metadata["suppressed"] = .stringConvertible(suppressed) }
        logger.log(level: level, "\(message())", metadata: metadata)
    }

    // MARK: Containers

    func noteStart(of container: String, _ parts: StartStages) {
        for stage in StartStage.allCases {
            stages[stage, default: Histogram(bounds: StartStage.bounds)].observe(microseconds: parts[stage: stage])
        }
        note(.start, "a container runs", container: container, at: .debug)
    }

    func noteFailedStart(of container: String, _ refusal: Refusal) {
        note(.startFailure(refusal.reason), "a container could not be made: \(refusal.text)", container: container)
    }

    func noteEnd(_ record: ExitRecord) {
        let kind: CountedEvent.ExitKind =
            switch record.code {
            case _ where record.outOfMemory: .outOfMemory
            case _ where !record.reason.isEmpty: .ended
            case 0: .completed
            case 129...: .signalled
            default: .failed
            }
        let reason = record.reason.isEmpty ? "" : ": \(record.reason)"
        note(.exit(kind), "a container ended with \(record.code)\(reason)", container: record.container, at: .debug)
    }

    // MARK: Zones

    func noteQuarantine(of zone: Zone, _ reason: QuarantineReason) {
        let kind: CountedEvent.QuarantineKind =
            switch reason {
            case .notEmpty: .notEmpty
            case .timeout: .timeout
            case .inconsistent: .inconsistent
            case .hostFailure: .hostFailure
            }
        note(.quarantine(kind), "zone \(zone.node) is quarantined: \(reason)", at: .error)
    }
}

extension EventJournal: GuestFaultObserver {
    func device(_ type: DeviceType, brokeProtocol reason: String) {
        note(.violation(type.part), "the \(type) device needs a reset, as its driver broke the protocol: \(reason)")
    }

    /// Counted by the device.
    func networkRefusedFrame(_ reason: String) {
        log(.lostFrame(.refused), "a frame from the guest goes nowhere: \(reason)", at: .warning)
    }
}

extension DeviceType {
    fileprivate var part: CountedEvent.GuestPart {
        switch self {
        case .network: .network
        case .entropy: .entropy
        case .balloon: .balloon
        case .vsock: .vsock
        case .memory: .memory
        // A placeholder is where an image may come.
        case .persistentMemory, .placeholder: .persistentMemory
        case .fileSystem: .fileSystem
        }
    }
}
