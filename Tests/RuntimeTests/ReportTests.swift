import AgentProtocol
import ControlProtocol
import FoundationEssentials
import OCI
import Testing

@testable import Runtime

/// The keys of a JSON object, those of objects in it after a dot.
private func keys(_ bytes: [UInt8]) throws -> Set<String> {
    let object = try JSONDecoder().decode([JSONValue].self, from: Data(bytes))
    return Set(object.flatMap { $0.paths("") })
}

private indirect enum JSONValue: Decodable {
    case object([String: JSONValue]), list([JSONValue]), leaf

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let object = try? container.decode([String: JSONValue].self) {
            self = .object(object)
        } else if let list = try? container.decode([JSONValue].self) {
            self = .list(list)
        } else {
            self = .leaf
        }
    }

    func paths(_ prefix: String) -> [String] {
        guard case .object(let object) = self else { return [] }
        return object.flatMap { key, value in [prefix + key] + value.paths("\(prefix)\(key).") }
    }
}

@Test func statsHaveTheirKeys() throws {
    let bench = try Bench()
    _ = try bench.place("one")
    let usages = try bench.registry.describedMachines(measured: true).flatMap(\.usages)
    #expect(usages.first?.zone.usedBytes == 9 << 20)
    #expect(usages.first?.cpuNs == 5_000)
    let wanted: Set = [
        "id", "function", "tenant", "vm", "zone", "zone.node", "zone.base", "zone.size_bytes", "zone.plugged_bytes",
        "zone.used_bytes", "zone.resident_bytes", "cpu_ns", "pids",
    ]
    #expect(try wanted.isSubset(of: keys(JSONText.report(usages))))
}

@Test func listsOfMachinesHaveTheirKeys() throws {
    let bench = try Bench()
    _ = try bench.place("one")
    let statuses = try bench.registry.describedMachines(measured: false).map { try $0.status }
    #expect(statuses.first?.containers == 1)
    #expect(statuses.first?.zones.plugged == 1)
    let wanted: Set = [
        "id", "function", "tenant", "pid", "state", "containers", "zones", "zones.total", "zones.plugged", "memory",
        "memory.base_resident_bytes", "memory.zones_resident_bytes", "memory.vmm_private_bytes",
    ]
    #expect(try wanted.isSubset(of: keys(JSONText.report(statuses))))
}

@Test func aContainerThatNeededTooMuchSaysHowMuchItHad() throws {
    let bench = try Bench()
    var exit = exit("one", code: 137, reason: "")
    exit.outOfMemory = true
    var record = bench.record("one")
    #expect(Registry.explanation(of: exit, record) == "it needed more than its zone of 128 MiB")
    record.memoryLimitInBytes = 100 << 20
    #expect(Registry.explanation(of: exit, record) == "it needed more than its limit of 100 MiB in its zone of 128 MiB")
    // What the VM alone knows.
    exit.reason = "the host has no memory for more than its 128 MiB"
    #expect(Registry.explanation(of: exit, record) == exit.reason)
}

/// A guest may say anything: of a container's use, and of one that it has killed.
@Test func whatAGuestSaysIsCutToWhatCanBe() throws {
    var measure = ContainerMeasure(container: ContainerNumber(1))
    (measure.memoryCurrent, measure.zoneUsed, measure.pageFaults) = (.max, .max, .max)
    (measure.cpuUsage, measure.cpuUser, measure.cpuSystem, measure.processes) = (.max, 900, .max, .max)
    let cut = measure.plausible(memoryInBytes: 100, cpuNanoseconds: 1000)
    #expect((cut.memoryCurrent, cut.zoneUsed, cut.memoryMax) == (100, 100, 100))
    #expect((cut.cpuUsage, cut.cpuUser, cut.cpuSystem) == (1000, 900, 100))
    #expect((cut.pageFaults, cut.processes) == (1 << 53, 4_194_304))
    #expect(cut.plausible(memoryInBytes: 100, cpuNanoseconds: 1000) == cut)
}

@Test func aSandboxOutOfMemoryIsExplained() {
    let key = FunctionKey(function: "f", tenant: "t", image: Digest(of: []), kernel: "k", zoneSizeInBytes: 128 << 20)
    var sandbox = ContainerRecord(
        id: "s", key: key, image: "pause", created: 0, memoryLimitInBytes: 0, process: RuntimeSpec.Process(args: []),
        isDetached: false, isRemovedAtEnd: true)
    sandbox.zoneSizeInBytes = 0
    var end = exit("s", code: 137)
    end.outOfMemory = true
    #expect(Registry.explanation(of: end, sandbox) == "it needed more memory than it can have")
}
