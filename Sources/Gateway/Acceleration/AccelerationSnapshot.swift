import Events
import LeanJSON
import Metrics

/// What has become of a function's events, since the gateway began. A value.
struct AccelerationTotals: Equatable, Sendable {
    struct Abort: Hashable, Sendable {
        let reason: String
        /// `FILE:LINE:COLUMN`; empty where it is not known.
        let place: String
    }

    /// Aborts are distinguished by place at so many places; others count by their reason alone.
    static let maxPlaces = 1000

    var events: [EventRun.Mode: UInt64] = [:]
    private(set) var aborts: [Abort: UInt64] = [:]
    var compilations: UInt64 = 0
    var restarts: UInt64 = 0
    /// Events that a container was asked too, and those of them with another outcome there.
    var verified: UInt64 = 0
    var differences: UInt64 = 0

    mutating func note(_ reason: String, _ place: String) {
        var abort = Abort(reason: reason, place: place)
        if aborts[abort] == nil, aborts.count >= Self.maxPlaces { abort = Abort(reason: reason, place: "") }
        aborts[abort, default: 0] += 1
    }

    /// In thousandths of all events, what the sandbox has answered.
    var sharePermille: UInt64 {
        let all = events.values.reduce(0, saturatingSum)
        return all == 0 ? 0 : events[.sandbox, default: 0] * 1000 / all
    }
}

/// How a function's acceleration stands at one moment, for reports.
struct AccelerationSnapshot: Sendable {
    let definition: FunctionDefinition
    let stage: AccelerationState.Stage
    let trips: Int
    let report: Compilation.Report?
    /// The sandbox's process.
    let process: Int32?
    let totals: AccelerationTotals

    /// As `czone function show` has it.
    var json: [UInt8] {
        var json = JSONWriter()
        json.text("accelerate", definition.acceleration.rawValue)
        json.text("state", stage.word)
        if case .off(let reason) = stage, !reason.isEmpty { json.text("reason", reason) }
        json.number("acceleratedPermille", totals.sharePermille)
        var events = JSONWriter()
        for mode in EventRun.Mode.allCases { events.number(mode.rawValue, totals.events[mode, default: 0]) }
        json.object("events", events.object)
        json.list(
            "aborts",
            totals.aborts.sorted { ($1.value, $0.key.place) < ($0.value, $1.key.place) }.map { abort, count in
                var json = JSONWriter()
                json.text("reason", abort.reason)
                json.text("place", abort.place.isEmpty ? nil : abort.place)
                json.number("count", count)
                return json.object
            })
        if let report {
            json.text("module", report.path)
            json.number("codeBytes", report.codeBytes)
            json.texts("unsupported", report.unsupported.map { "\(report.path):\($0.line):\($0.column)" })
        }
        json.number("compilations", totals.compilations)
        json.number("trips", trips)
        if let process { json.number("sandboxProcess", process) }
        json.number("sandboxRestarts", totals.restarts)
        json.number("verified", totals.verified)
        json.number("differences", totals.differences)
        return json.object
    }
}
