import Events
import LeanJSON
import Metrics

/// How a function stands at one moment, for reports.
struct FunctionSnapshot: Sendable {
    struct Container: Sendable {
        let id: String
        /// Its VM; empty while it has none.
        let machine: String
        /// nil: it has just gone.
        let slot: Dispatcher.Slot?
        /// It is of the definition that is in force.
        let isCurrent: Bool

        var state: String {
            switch slot?.state {
            case .starting: "starting"
            case .ready: "ready"
            case .paused: "paused"
            case .draining, nil: "draining"
            }
        }
    }

    let definition: FunctionDefinition
    /// What the autoscaler wants.
    let wanted: Int
    let waiting: Int
    let active: Int
    /// Why no container can be started; nil: it can, or none was tried.
    let failure: String?
    let containers: [Container]

    func count(_ state: Dispatcher.ContainerState) -> Int { containers.count { $0.slot?.state == state } }
}

extension FunctionSnapshot {
    /// As `czone function show --json` prints it.
    func json(_ totals: FunctionAccount.Totals, _ acceleration: AccelerationSnapshot? = nil) -> [UInt8] {
        var json = JSONWriter()
        json.text("name", definition.name)
        json.text("tenant", definition.tenant)
        json.text("image", definition.image)
        json.text("kind", definition.kind.rawValue)
        json.number("concurrency", definition.concurrency)
        json.number("minContainers", definition.scale.min)
        json.number("maxContainers", definition.scale.max)
        json.number("timeoutMilliseconds", definition.timeoutInMilliseconds)
        json.flag("retry", definition.retries)
        json.flag("warmStart", definition.warmStart)
        json.number("wanted", wanted)
        json.number("waiting", waiting)
        json.number("active", active)
        json.text("failure", failure)
        json.list(
            "containers",
            containers.sorted { $0.id < $1.id }.map { container in
                var json = JSONWriter()
                json.text("id", container.id)
                json.text("vm", container.machine)
                json.text("state", container.state)
                json.number("active", container.slot?.active ?? 0)
                json.flag("current", container.isCurrent)
                return json.object
            })
        json.object("account", totals.json)
        if let acceleration, definition.kind == .handler { json.object("acceleration", acceleration.json) }
        return json.object
    }
}

extension FunctionService {
    /// As `czone function show` prints it.
    var json: [UInt8] { snapshot.json(account.current, acceleration?.snapshot) }
}

extension FunctionAccount.Totals {
    var json: [UInt8] {
        var json = JSONWriter()
        json.number("requests", requests)
        json.number("errors", errors)
        json.number("queued", queued)
        json.number("coldStarts", coldStarts)
        json.number("failedStarts", failedStarts)
        json.number("queueMicroseconds", queueTime.sum)
        json.number("runMicroseconds", runTime.sum)
        json.number("memoryMegabyteMilliseconds", memoryMillisecondMegabytes)
        json.number("bytesIn", bytesIn)
        json.number("bytesOut", bytesOut)
        return json.object
    }
}
