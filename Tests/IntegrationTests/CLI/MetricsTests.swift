import LinuxSystem
import TestSupport
import Testing

/// `czone metrics` of real VMs.
@Suite(.needsKVM, .serialized) struct MetricsTests {
    /// The samples as prometheus_client's parser reads them, by `NAME{LABELS}`.
    private func samples(_ host: ContainerHost) throws -> [String: Double] {
        let result = try host.shell("set -o pipefail; czone metrics | Tests/Prometheus/parse")
        try #require(result.status == 0, "\(result.error)")
        var samples: [String: Double] = [:]
        for line in result.output.split(separator: "\n") {
            guard let space = line.lastIndex(of: " "), let value = Double(line[line.index(after: space)...]) else {
                continue
            }
            samples[String(line[..<space])] = value
        }
        return samples
    }

    /// The sum of a family's samples that have all of these labels.
    private func sum(_ name: String, _ labels: [String] = [], _ samples: [String: Double]) -> Double {
        samples.filter { key, _ in key.hasPrefix(name + "{") && labels.allSatisfy(key.contains) }.values.reduce(0, +)
    }

    @Test func containersComeAndGoInTheMetrics() throws {
        let host = try ContainerHost()
        let name = try host.runDetached([], ["sleep", "1000"])
        var seen = try samples(host)
        #expect(seen["czone_vms{}"] == 1)
        #expect(sum("czone_vm_up", [], seen) == 1)
        #expect(sum("czone_vm_container_starts_total", [], seen) == 1)
        #expect(sum("czone_vm_container_start_stage_seconds_count", ["stage=exec"], seen) == 1)
        #expect(sum("czone_vm_container_start_stage_seconds_sum", [], seen) > 0)
        #expect(sum("czone_vm_zone_plugs_total", [], seen) == 1)
        #expect(sum("czone_zone_plugged_bytes", ["state=online"], seen) == Double(128 << 20))
        #expect(sum("czone_container_info", ["container=\(name)", "state=running"], seen) == 1)
        #expect(sum("czone_container_resident_bytes", ["container=\(name)"], seen) > 0)
        #expect(try host.run([], ["sh", "-c", "exit 3"]).status == 3)
        #expect(try host.run([], ["true"]).status == 0)
        #expect(
            try host.run(["--memory", "64M"], ["tail", "/dev/zero"]).status == 137)
        let later = try samples(host)
        #expect(sum("czone_vm_container_exits_total", ["reason=failed"], later) == 1)
        #expect(sum("czone_vm_container_exits_total", ["reason=completed"], later) == 1)
        #expect(sum("czone_vm_container_exits_total", ["reason=out_of_memory"], later) == 1)
        for (key, value) in seen where key.contains("_total{") {
            #expect(later[key, default: -1] >= value, "\(key) fell")
        }
        #expect(try host.czone(["rm", "--force", name]).status == 0)
        #expect(try host.waits { sum("czone_vm_zone_unplugs_total", [], try samples(host)) >= 4 })
        seen = try samples(host)
        #expect(sum("czone_vm_violations_total", [], seen) == 0)
        #expect(sum("czone_vm_zone_quarantines_total", [], seen) == 0)
        #expect(sum("czone_container_info", [], seen) == 0)
    }

    @Test func aRestoredVMCountsForItself() throws {
        let host = try ContainerHost(templates: true)
        try #require(try host.czone(["template", "create", host.image]).status == 0)
        let first = try host.runDetached(["--function", "a"], ["sleep", "1000"])
        let before = try samples(host)
        #expect(sum("czone_vm_template_hits_total", [], before) == 1)
        let second = try host.runDetached(["--function", "b"], ["sleep", "1000"])
        let after = try samples(host)
        #expect(sum("czone_vm_template_hits_total", [], after) == 2)
        #expect(sum("czone_vm_container_starts_total", ["function=b"], after) == 1)
        for (key, value) in before where key.contains("_total{") {
            #expect(after[key, default: -1] >= value, "\(key) fell")
        }
        withExtendedLifetime((first, second)) {}
    }

    @Test func aStartReportsItsStages() throws {
        let host = try ContainerHost()
        for _ in 0..<2 {
            let result = try host.run(["--timings"], ["true"])
            #expect(result.status == 0)
            let lines = result.error.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            #expect(
                lines.map(\.first) == [
                    "STAGE", "client", "registry", "monitor", "plug", "agent", "mounts", "exec", "total",
                ])
            #expect(lines.dropFirst().allSatisfy { $0.count == 2 && Double($0[1]) != nil }, "\(result.error)")
        }
    }

    /// Sixteen containers in two VMs. Instructions are not counted in every host, so a command that does much the same
    /// is what it is measured against.
    @Test func metricsOfManyContainersAreCheap() throws {
        let host = try ContainerHost()
        for index in 0..<16 { _ = try host.runDetached(["--function", index < 8 ? "a" : "b"], ["sleep", "1000"]) }
        let script = """
            measure() { for i in $(seq 20); do "$@" >/dev/null; done; }
            TIMEFORMAT='%U %S'
            time measure czone metrics
            time measure czone ps
            """
        let result = try host.shell(script)
        let times = result.error.split(separator: "\n").suffix(2).map {
            $0.split(separator: " ").compactMap { Double($0) }.reduce(0, +) / 20 * 1000
        }
        try #require(times.count == 2, "\(result.error)")
        print("czone metrics of 16 containers in 2 VMs: \(times[0]) ms of CPU, czone ps \(times[1]) ms")
        #expect(times[0] < max(10, 2 * times[1]))
        #expect(try samples(host).filter { $0.key.hasPrefix("czone_container_info{") }.count == 16)
    }
}
