import AgentProtocol
import ControlProtocol
import OCI
import Runtime
import SwiftProtobuf
import TTRPC

/// A container's limits, and what it uses.
extension ContainerTask {
    /// Changes limits. A memory limit beyond the zone grows the zone as far as its VM's zones go. A lower one is the
    /// container's from then on, but its zone keeps its size: a block that goes offline would have its pages moved out of
    /// the zone, and what is free of it is the host's anyway. One below what is in use is refused, as it would have the
    /// container killed.
    func update(_ bytes: [UInt8]) async throws {
        guard initial.isRunning || initial.isPaused, let home else {
            throw Status(
                .failedPrecondition, "cannot change the limits of the container \(id): it is \(initial.state.word)")
        }
        let resources = try RuntimeSpec.Resources(json: bytes)
        // Rules of devices are the host's: the guest has none of them.
        var own = resources
        own.devices = nil
        let compiler = SpecificationCompiler(layers: [], zoneSizeInBytes: home.key.zoneSizeInBytes)
        var limits = try compiler.limits(own)
        let connection = try connection(of: initial)
        limits.memoryMax = nil
        let unified = own.unified?["memory.max"].flatMap { $0 == "max" ? -1 : Int64($0) }
        if let asked = unified ?? own.memory?.limit, asked != 0 {
            // Below 0: no limit but the zone's.
            let memory = asked < 0 ? max(zoneSizeInBytes, maxZoneSizeInBytes) : UInt64(asked)
            limits.memoryMax = try await makeRoom(for: memory, in: home, connection)
        }
        try await connection.ask(.update(container: registryID, limits: limits))
    }

    /// memory.max for so much memory, when the zone has room for it.
    private func makeRoom(for memory: UInt64, in home: Home, _ connection: MachineConnection) async throws -> UInt64 {
        let wanted = try ZoneChoice.zone(for: memory)
        let max = home.key.zoneSizeInBytes
        guard wanted <= max else {
            throw Status(
                .failedPrecondition,
                "the container \(id) cannot have \(ByteSize(bytes: memory)): the zones of its VM have \(ByteSize(bytes: max)); the annotation \(Annotation.zoneSize) makes them larger"
            )
        }
        let most = Swift.max(zoneSizeInBytes, maxZoneSizeInBytes)
        if wanted > most {
            try await connection.ask(.resizeZone(container: registryID, sizeInBytes: wanted))
            zoneSizeInBytes = wanted
            return ZoneSize.memoryLimit(memory, inZoneOf: wanted)
        }
        let limit = ZoneSize.memoryLimit(memory, inZoneOf: most)
        guard let used = try await measure()?.0.memoryCurrent else {
            throw Status(
                .unavailable,
                "the container \(id) cannot shrink to \(ByteSize(bytes: memory)): the guest does not report what it uses"
            )
        }
        guard used <= limit else {
            let (uses, zone) = (ByteSize(bytes: min(used, most)), ByteSize(bytes: most))
            throw Status(
                .failedPrecondition,
                "the container \(id) cannot shrink to \(ByteSize(bytes: memory)): it uses \(uses) of its zone of \(zone)"
            )
        }
        return limit
    }

    /// What the guest says that the container uses, and how many processors its VM has; nil where it says nothing.
    private func measure() async throws -> (ContainerMeasure, virtualCPUs: UInt32)? {
        guard case .description(let vm) = try await connection(of: initial).ask(.describe(measured: true)) else {
            return nil
        }
        let measure = vm.containers.first { $0.id == registryID }?.measure
        return measure.map { ($0, vm.virtualCPUs) }
    }

    func stats() async throws -> Google_Protobuf_Any {
        guard initial.exit == nil else { throw Status(.notFound, "\(name(initial)) has ended already") }
        var (measure, virtualCPUs): (ContainerMeasure?, UInt32) = (nil, 0)
        if let answer = try await self.measure() { (measure, virtualCPUs) = (answer.0, answer.virtualCPUs) }
        let most = processorTime.most(virtualCPUs: virtualCPUs)
        let reported = processorTime.report(min(measure?.cpuUsage ?? 0, most))
        measure?.cpuUsage = reported
        let zone = max(zoneSizeInBytes, maxZoneSizeInBytes)
        let metrics = Metrics(measure, zoneSizeInBytes: zone, cpuNanoseconds: most)
        return try Google_Protobuf_Any(metrics: metrics.message)
    }
}
