import Events
import Metrics

/// What functions have used, for Prometheus; docs/metrics.md lists the names.
enum GatewayMetrics {
    static let contentType = Exposition.contentType

    private typealias Function = (labels: Labels, snapshot: FunctionSnapshot, totals: FunctionAccount.Totals)

    static func text(of catalog: FunctionCatalog) -> [UInt8] {
        let functions = catalog.all.map { service -> Function in
            let snapshot = service.snapshot
            let labels = Labels().with("function", service.name).with("tenant", snapshot.definition.tenant)
            return (labels: labels, snapshot: snapshot, totals: service.account.current)
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
        return text.bytes
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
