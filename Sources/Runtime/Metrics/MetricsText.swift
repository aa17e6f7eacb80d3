import ControlProtocol
import Metrics

/// All VMs' metrics as text for Prometheus. Names and labels are those of docs/metrics.md, and last.
///
/// A counter's labels are such that it never falls while they exist: a VM's id is never given again, a restored VM has one
/// of its own and begins at 0, and a container has its number besides its id.
public final class MetricsText {
    private let machines: [Subject]
    private var exposition = Exposition()

    /// A VM that answered, with what all its samples have in common.
    private struct Subject {
        let labels: Labels
        let metrics: VirtualMachineMetrics
        let counts: [CountedEvent: UInt64]

        subscript(event: CountedEvent) -> UInt64 { counts[event] ?? 0 }
    }

    /// The text, in UTF-8.
    public static func bytes(of machines: [MeasuredMachine]) -> [UInt8] {
        let text = MetricsText(machines)
        text.writeMachines(machines)
        text.writeContainers()
        text.writeZones()
        text.writeGuests()
        return text.exposition.bytes
    }

    private init(_ machines: [MeasuredMachine]) {
        self.machines = machines.compactMap { machine in
            guard let metrics = machine.metrics else { return nil }
            return Subject(
                labels: Self.labels(of: machine), metrics: Self.unambiguous(metrics),
                counts: Dictionary(metrics.counts.map { ($0.event, $0.value) }) { first, _ in first })
        }
    }

    /// A VM that has been taken over may say something twice; a sample that is there twice would spoil all others.
    private static func unambiguous(_ metrics: VirtualMachineMetrics) -> VirtualMachineMetrics {
        func first<Element, Key: Hashable>(_ elements: [Element], by key: (Element) -> Key) -> [Element] {
            var seen: Set<Key> = []
            return elements.filter { seen.insert(key($0)).inserted }
        }
        var metrics = metrics
        metrics.stages = first(metrics.stages, by: \.stage)
        metrics.containers = first(metrics.containers, by: \.number)
        metrics.description.zones = first(metrics.description.zones, by: \.node)
        return metrics
    }

    private static func labels(of machine: MeasuredMachine) -> Labels {
        Labels(["vm": machine.id, "function": machine.key.function, "tenant": machine.key.tenant])
    }

    // MARK: VMs

    private func writeMachines(_ all: [MeasuredMachine]) {
        exposition.family("czone_vms", .gauge, "Living VMs.") { $0.add(Labels(), UInt64(all.count)) }
        exposition.family("czone_vm_up", .gauge, "Whether the VM answers.") { family in
            for machine in all { family.add(Self.labels(of: machine), machine.metrics == nil ? 0 : 1) }
        }
        exposition.family("czone_vm_start_time_seconds", .gauge, "When the VM was started, since 1970.") { family in
            for machine in all { family.add(Self.labels(of: machine), microseconds: machine.record.started / 1000) }
        }
        gauge("czone_vm_ready", "Whether the VM takes containers.") { $0.description.state == .ready ? 1 : 0 }
        gauge("czone_vm_vcpus", "Virtual CPUs.") { UInt64($0.description.virtualCPUs) }
        exposition.family("czone_vm_boot_seconds", .gauge, "From the VM's start to its being ready; 0 before.") {
            for vm in machines { $0.add(vm.labels, microseconds: vm.metrics.description.bootMicroseconds) }
        }
        exposition.family(
            "czone_vm_template_hits_total", .counter, "1 for a VM that was restored from a template, else 0."
        ) {
            for vm in machines { $0.add(vm.labels, vm.metrics.isRestored ? 1 : 0) }
        }
        gauge("czone_vm_base_bytes", "Memory besides zones.") { $0.description.baseSizeInBytes }
        gauge("czone_vm_base_resident_bytes", "Host memory that it occupies.") { $0.description.baseResidentBytes }
        gauge("czone_vm_private_bytes", "Host memory of the VM's process besides guest memory.") {
            $0.description.privateResidentBytes
        }
    }

    // MARK: Containers

    private func writeContainers() {
        counter("czone_vm_container_starts_total", "Containers whose program has run.", .start)
        counters(
            "czone_vm_container_start_failures_total", "Containers that could not be made, by reason.", "reason",
            Refusal.Reason.all.map { ($0.label, .startFailure($0)) }, withZeros: false)
        counters(
            "czone_vm_container_exits_total", "Ends of containers, by kind.", "reason",
            CountedEvent.ExitKind.allCases.map { ($0.label, .exit($0)) })
        counter("czone_vm_out_of_memory_total", "How often a container was at its limit of memory.", .outOfMemory)
        counter(
            "czone_vm_denied_growth_total", "How often a container got no more memory, as the host had none.",
            .deniedGrowth)
        exposition.family(
            "czone_vm_container_start_stage_seconds", .histogram, "Parts of containers' starts, one after the other."
        ) {
            for vm in machines {
                for durations in vm.metrics.stages {
                    let labels = vm.labels.with("stage", durations.stage.name)
                    // A VM that counts by other bounds has nothing that could be compared.
                    guard let histogram = Histogram(durations) else { continue }
                    $0.add(labels, histogram)
                }
            }
        }
        exposition.family("czone_container_info", .gauge, "1 for each container: its zone and state.") {
            for (_, labels, report) in containers {
                $0.add(labels.with("node", "\(report.node)").with("state", report.state.label), 1)
            }
        }
        containerZones("czone_container_plugged_bytes", "What of a container's zone is plugged.", \.pluggedBytes)
        containerZones("czone_container_resident_bytes", "Host memory that its zone occupies.", \.residentBytes)
        containerCounter("czone_container_out_of_memory_total", "How often it was at its limit.", [("", \.outOfMemory)])
        containerCounter(
            "czone_container_network_frames_total", "Frames of its interfaces.",
            [("received", \.receivedFrames), ("transmitted", \.transmittedFrames)])
        containerCounter(
            "czone_container_network_bytes_total", "Bytes of its interfaces' Ethernet frames.",
            [("received", \.receivedBytes), ("transmitted", \.transmittedBytes)])
    }

    /// Each container with its labels and what its VM says of it.
    private var containers: [(Subject, Labels, ContainerReport)] {
        machines.flatMap { vm in
            let reports = Dictionary(vm.metrics.description.containers.map { ($0.id, $0) }) { first, _ in first }
            return vm.metrics.containers.compactMap { counts in
                reports[counts.id].map { (vm, Self.labels(of: counts, in: vm), $0) }
            }
        }
    }

    private static func labels(of container: VirtualMachineMetrics.ContainerCounts, in vm: Subject) -> Labels {
        vm.labels.with("container", container.id).with("number", "\(container.number)")
    }

    private func containerZones(
        _ name: StaticString, _ help: StaticString, _ value: KeyPath<ZoneReport, UInt64>
    ) {
        exposition.family(name, .gauge, help) {
            for (vm, labels, report) in containers {
                guard let zone = vm.metrics.description.zones.first(where: { $0.node == report.node }) else { continue }
                $0.add(labels, zone[keyPath: value])
            }
        }
    }

    private func containerCounter(
        _ name: StaticString, _ help: StaticString,
        _ values: [(direction: String, path: KeyPath<VirtualMachineMetrics.ContainerCounts, UInt64>)]
    ) {
        exposition.family(name, .counter, help) {
            for vm in machines {
                for container in vm.metrics.containers {
                    let labels = Self.labels(of: container, in: vm)
                    for (direction, path) in values {
                        $0.add(
                            direction.isEmpty ? labels : labels.with("direction", direction), container[keyPath: path])
                    }
                }
            }
        }
    }

    // MARK: Zones

    private func writeZones() {
        counter("czone_vm_zone_plugs_total", "Zones that were plugged.", .plug)
        counter("czone_vm_zone_unplugs_total", "Zones that were returned to the host.", .unplug)
        counters(
            "czone_vm_zone_quarantines_total", "Zones that are never used again, by reason.", "reason",
            CountedEvent.QuarantineKind.allCases.map { ($0.label, .quarantine($0)) })
        let states: [ZoneReport.State] = [.absent, .plugging, .online, .draining, .unplugging, .quarantined]
        exposition.family("czone_vm_zones", .gauge, "Zones by state.") {
            for vm in machines {
                for state in states {
                    let count = vm.metrics.description.zones.filter { $0.state == state }.count
                    $0.add(vm.labels.with("state", state.word), UInt64(count))
                }
            }
        }
        zones("czone_zone_plugged_bytes", "What of a zone is plugged.", \.pluggedBytes)
        zones("czone_zone_resident_bytes", "Host memory that a zone occupies.", \.residentBytes)
    }

    /// Of zones that are not free.
    private func zones(_ name: StaticString, _ help: StaticString, _ value: KeyPath<ZoneReport, UInt64>) {
        exposition.family(name, .gauge, help) {
            for vm in machines {
                for zone in vm.metrics.description.zones where zone.state != .absent {
                    $0.add(
                        vm.labels.with("node", "\(zone.node)").with("state", zone.state.word), zone[keyPath: value])
                }
            }
        }
    }

    // MARK: What guests do

    private func writeGuests() {
        counters(
            "czone_vm_violations_total", "How often the guest broke a protocol, by what it talked to.", "device",
            CountedEvent.GuestPart.allCases.map { ($0.label, .violation($0)) })
        counters(
            "czone_vm_requests_refused_total", "Requests of clients that were refused, by reason.", "reason",
            Refusal.Reason.all.map { ($0.label, .refusal($0)) }, withZeros: false)
        counter("czone_vm_requests_malformed_total", "What clients sent that is no request.", .malformedRequest)
        counters(
            "czone_vm_network_frames_total", "Frames of all interfaces.", "direction",
            CountedEvent.Direction.allCases.map { ($0.label, .frame($0)) })
        counters(
            "czone_vm_network_bytes_total", "Bytes of all interfaces' Ethernet frames.", "direction",
            CountedEvent.Direction.allCases.map { ($0.label, .frameByte($0)) })
        counters(
            "czone_vm_network_frames_lost_total", "Frames that went nowhere, by reason.", "reason",
            CountedEvent.FrameLoss.allCases.map { ($0.label, .lostFrame($0)) })
        counter("czone_vm_file_requests_total", "Requests for files of volumes.", .fileRequest)
        counter("czone_vm_file_requests_malformed_total", "Those that were none.", .malformedFileRequest)
        counter("czone_vm_log_lines_suppressed_total", "Lines that the log's limit kept back.", .suppressedLine)
    }

    // MARK: Families of all VMs

    private func gauge(
        _ name: StaticString, _ help: StaticString, _ value: (VirtualMachineMetrics) -> UInt64
    ) {
        exposition.family(name, .gauge, help) { for vm in machines { $0.add(vm.labels, value(vm.metrics)) } }
    }

    private func counter(_ name: StaticString, _ help: StaticString, _ event: CountedEvent) {
        exposition.family(name, .counter, help) { for vm in machines { $0.add(vm.labels, vm[event]) } }
    }

    private func counters(
        _ name: StaticString, _ help: StaticString, _ label: StaticString, _ events: [(String, CountedEvent)],
        withZeros: Bool = true
    ) {
        exposition.family(name, .counter, help) {
            for vm in machines {
                for (value, event) in events where withZeros || vm[event] > 0 {
                    $0.add(vm.labels.with(label, value), vm[event])
                }
            }
        }
    }
}

extension Histogram {
    fileprivate init?(_ durations: VirtualMachineMetrics.StageDurations) {
        self.init(bounds: StartStage.bounds, counts: durations.counts, sum: durations.sum)
    }
}
