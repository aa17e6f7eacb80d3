import ControlProtocol
import FoundationEssentials
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
    #expect(usages.first?.cpuNs == 5_000_000)
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
}
