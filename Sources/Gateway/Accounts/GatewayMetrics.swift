import Events
import Metrics

/// What functions have used, for Prometheus; docs/metrics.md lists the names.
enum GatewayMetrics {
    static let contentType = Exposition.contentType

    private typealias Function = (
        labels: Labels, snapshot: FunctionSnapshot, totals: FunctionAccount.Totals,
        acceleration: AccelerationSnapshot?
    )

    static func text(of catalog: FunctionCatalog) -> [UInt8] {
        let functions = catalog.all.map { service -> Function in
            let snapshot = service.snapshot
            let labels = Labels().with("function", service.name).with("tenant", snapshot.definition.tenant)
            let acceleration = snapshot.definition.kind == .handler ? service.acceleration?.snapshot : nil
            return (
                labels: labels, snapshot: snapshot, totals: service.account.current, acceleration: acceleration
            )
        }
        var text = Exposition()
        text.family("czone_function_requests_total", .counter, "Requests answered, or broken off.") { family in
            for function in functions { family.add(function.labels, function.totals.requests) }
        }
        text.family(
            "czone_function_errors_total", .counter, "Requests without an answer, or with a status of 500 or more."
        ) {
            family in for function in functions { family.add(function.labels, function.totals.errors) }
        }
        text.family("czone_function_queued_total", .counter, "Requests that waited for a container.") { family in
            for function in functions { family.add(function.labels, function.totals.queued) }
        }
        text.family("czone_function_starts_total", .counter, "Containers that were started.") { family in
            for function in functions { family.add(function.labels, function.totals.coldStarts) }
        }
        text.family("czone_function_failed_starts_total", .counter, "Containers that could not be started.") { family in
            for function in functions { family.add(function.labels, function.totals.failedStarts) }
        }
        text.family("czone_function_queue_seconds", .histogram, "From a request to its container.") { family in
            for function in functions { family.add(function.labels, function.totals.queueTime) }
        }
        text.family("czone_function_run_seconds", .histogram, "From a container to the end of the answer.") { family in
            for function in functions { family.add(function.labels, function.totals.runTime) }
        }
        text.family(
            "czone_function_memory_megabyte_milliseconds_total", .counter,
            "Zones' sizes times lives of ended containers."
        ) {
            family in
            for function in functions { family.add(function.labels, function.totals.memoryMillisecondMegabytes) }
        }
        state(of: functions, in: &text)
        acceleration(of: functions, in: &text)
        return text.bytes
    }

    /// Of handlers.
    private static func acceleration(of functions: [Function], in text: inout Exposition) {
        let handlers = functions.compactMap { function in function.acceleration.map { (function.labels, $0) } }
        text.family("czone_function_events_total", .counter, "Events of handlers, by what has answered.") { family in
            for (labels, snapshot) in handlers {
                for mode in EventRun.Mode.allCases {
                    family.add(labels.with("mode", mode.rawValue), snapshot.totals.events[mode, default: 0])
                }
            }
        }
        text.family("czone_function_aborts_total", .counter, "Events that compiled code has given up.") { family in
            for (labels, snapshot) in handlers {
                var counts: [String: UInt64] = [:]
                for (abort, count) in snapshot.totals.aborts { counts[abort.reason, default: 0] += count }
                for (reason, count) in counts.sorted(by: { $0.key < $1.key }) {
                    family.add(labels.with("reason", reason), count)
                }
            }
        }
        text.family("czone_function_compilations_total", .counter, "Handlers that were compiled, or could not be.") {
            family in for (labels, snapshot) in handlers { family.add(labels, snapshot.totals.compilations) }
        }
        text.family("czone_function_sandbox_restarts_total", .counter, "Sandboxes that have ended by themselves.") {
            family in for (labels, snapshot) in handlers { family.add(labels, snapshot.totals.restarts) }
        }
        text.family("czone_function_verified_total", .counter, "Events of sandboxes that a container was asked too.") {
            family in
            for (labels, snapshot) in handlers {
                let totals = snapshot.totals
                family.add(labels.with("outcome", "equal"), totals.verified - totals.differences)
                family.add(labels.with("outcome", "different"), totals.differences)
            }
        }
        text.family("czone_function_acceleration", .gauge, "1 for the state that a handler's acceleration is in.") {
            family in
            for (labels, snapshot) in handlers {
                for word in AccelerationState.Stage.words {
                    family.add(labels.with("state", word), snapshot.stage.word == word ? 1 : 0)
                }
            }
        }
    }

    /// How functions stand now.
    private static func state(of functions: [Function], in text: inout Exposition) {
        text.family("czone_function_containers", .gauge, "Containers by their state.") { family in
            for function in functions {
                for (word, state) in [
                    ("starting", .starting), ("ready", .ready), ("paused", .paused), ("draining", .draining),
                ] as [(String, Dispatcher.ContainerState)] {
                    family.add(function.labels.with("state", word), UInt64(function.snapshot.count(state)))
                }
            }
        }
        text.family("czone_function_waiting", .gauge, "Requests that wait for a container.") { family in
            for function in functions { family.add(function.labels, UInt64(function.snapshot.waiting)) }
        }
    }
}
