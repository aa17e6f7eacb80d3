import ControlProtocol
import Glibc
import LinuxSystem
import OCI
import Testing

@testable import Runtime

/// A VM as hostile as its control socket lets it be.
private func machine(_ id: String, metrics: VirtualMachineMetrics?) -> MeasuredMachine {
    MeasuredMachine(
        id: id,
        key: FunctionKey(
            function: "odd\"\\\nname", tenant: "t", image: Digest(of: []), kernel: "k", zoneSizeInBytes: 128 << 20,
            isAlone: false),
        record: VirtualMachineRecord(
            id: id, memoryInBytes: 1 << 28, virtualCPUs: 2, zoneCount: 16, zoneSizeInBytes: 1 << 27, image: "i",
            started: 1_700_000_000_000_000_000), metrics: metrics)
}

private func metrics(_ value: UInt64, containers: [String] = ["a\"", "b\\\n"]) -> VirtualMachineMetrics {
    let events = (UInt8.min...UInt8.max).flatMap { number in
        (UInt8.min...UInt8.max).compactMap { CountedEvent(number: number, detail: $0) }
    }
    return VirtualMachineMetrics(
        description: VirtualMachineDescription(
            state: .ready, virtualCPUs: 2, baseSizeInBytes: value, baseResidentBytes: value,
            privateResidentBytes: value, bootMicroseconds: value,
            zones: [
                ZoneReport(
                    node: 1, base: 4 << 30, sizeInBytes: value, state: .online, pluggedBytes: value,
                    residentBytes: value, reason: "")
            ],
            containers: containers.map {
                ContainerReport(id: $0, state: .running, node: 1, guestProcessID: 7, measure: nil)
            }), isRestored: true, counts: Set(events).map { VirtualMachineMetrics.Count($0, value) },
        stages: StartStage.allCases.map {
            VirtualMachineMetrics.StageDurations(
                stage: $0, counts: Array(repeating: value, count: StartStage.bounds.count + 1), sum: value)
        } + [VirtualMachineMetrics.StageDurations(stage: .exec, counts: [1], sum: 1)],
        containers: containers.enumerated().map { index, id in
            VirtualMachineMetrics.ContainerCounts(id: id, number: UInt32(index + 1))
        })
}

/// The samples as prometheus_client's parser reads them, each as `NAME{LABELS} VALUE`.
private func parsed(_ machines: [MeasuredMachine]) throws -> [Substring] {
    let directory = try TemporaryDirectory()
    try FileSystem.replace("\(directory.path)/metrics", with: MetricsText.bytes(of: machines))
    let output = try OwnedDescriptor(opening: "\(directory.path)/samples", flags: O_RDWR | O_CREAT)
    let error = try OwnedDescriptor(opening: "\(directory.path)/complaints", flags: O_RDWR | O_CREAT)
    let status = try ProcessLaunch(
        "Tests/Prometheus/parse", arguments: ["parse"], environment: ["PATH=/usr/bin:/bin"],
        input: try OwnedDescriptor(opening: "\(directory.path)/metrics", flags: O_RDONLY), output: output, error: error
    ).start().waitForEnd()
    let complaints = try FileSystem.contents(of: "\(directory.path)/complaints", atMost: 1 << 16) ?? []
    try #require(status == 0, "\(String(decoding: complaints, as: UTF8.self))")
    let samples = try FileSystem.contents(of: "\(directory.path)/samples", atMost: 1 << 20) ?? []
    return String(decoding: samples, as: UTF8.self).split(separator: "\n")
}

@Test(arguments: [0, 7, UInt64.max])
func metricsAreReadAsPrometheusReadsThem(value: UInt64) throws {
    let samples = try parsed([machine("3f", metrics: metrics(value)), machine("4a", metrics: nil)])
    #expect(samples.contains("czone_vms{} 2"))
    #expect(samples.contains { $0.hasPrefix("czone_vm_up{") && $0.contains("vm=4a") && $0.hasSuffix(" 0") })
    #expect(samples.contains { $0.hasPrefix("czone_vm_template_hits_total{") && $0.hasSuffix(" 1") })
    #expect(samples.filter { $0.hasPrefix("czone_container_info{") }.count == 2)
    #expect(samples.contains { $0.hasPrefix("czone_vm_container_start_stage_seconds_count{") && $0.contains("=plug") })
}

@Test func everyEventHasItsSample() throws {
    let events = (UInt8.min...UInt8.max).flatMap { number in
        (UInt8.min...UInt8.max).compactMap { CountedEvent(number: number, detail: $0) }
    }
    for event in Set(events) {
        var one = metrics(0)
        one.counts = [VirtualMachineMetrics.Count(event, 4711)]
        let text = String(decoding: MetricsText.bytes(of: [machine("3f", metrics: one)]), as: UTF8.self)
        #expect(text.split(separator: "\n").filter { $0.hasSuffix(" 4711") }.count == 1, "\(event)")
    }
}

@Test func whatAMachineSaysTwiceIsThereOnce() throws {
    var twice = metrics(1)
    twice.stages += twice.stages
    twice.containers += twice.containers
    twice.counts += twice.counts
    twice.description.zones += twice.description.zones
    twice.description.containers += twice.description.containers
    #expect(try parsed([machine("3f", metrics: twice)]) == parsed([machine("3f", metrics: metrics(1))]))
}

@Test func noMachinesAreMetricsToo() throws { #expect(try parsed([]) == ["czone_vms{} 0"]) }

@Test func namesAreThoseOfTheManual() throws {
    let manual = String(
        decoding: try #require(try FileSystem.contents(of: "docs/metrics.md", atMost: 1 << 20)), as: UTF8.self)
    let text = String(decoding: MetricsText.bytes(of: [machine("3f", metrics: metrics(1))]), as: UTF8.self)
    let names = text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] }
    #expect(names.count > 30)
    for name in names { #expect(manual.contains("`\(name)`"), "docs/metrics.md lacks \(name)") }
}

@Test func stagesOfAStartAddUp() throws {
    var inside = StartStages(whole: 900, monitor: 0, plug: 300, mounts: 200, exec: 100)
    inside.monitor = 5
    let moments = StartTimings.Moments(placing: 2_000_000, monitor: 3_000_000, accepted: 3_500_000)
    let timings = StartTimings(beganAt: 1_000_000, moments, inside)
    #expect(timings.stages.map(\.microseconds) == [1000, 1000, 505, 300, 300, 200, 100])
    #expect(
        timings.stages.map(\.stage.rawValue) == ["client", "registry", "monitor", "plug", "agent", "mounts", "exec"])
    #expect(timings.total == 3405)
}

@Test func aTraceHasATrackForEachSide() {
    let moments = StartTimings.Moments(placing: 2_000_000, monitor: 3_000_000, accepted: 3_500_000)
    let timings = StartTimings(beganAt: 1_000_000, moments, StartStages())
    var trace = ChromeTrace()
    trace.add(timings, to: "czone")
    trace.add(timings, to: "one per VM")
    let text = String(decoding: trace.bytes, as: UTF8.self)
    #expect(text.hasPrefix(#"{"displayTimeUnit":"ms","traceEvents":[{"name":"thread_name","ph":"M","pid":1,"tid":1,"#))
    #expect(text.contains(#"{"name":"registry","cat":"start","ph":"X","ts":1000,"dur":1000,"pid":1,"tid":2}"#))
}
