import AgentProtocol
import ContainerdAPI
import ControlProtocol
import OCI
import Synchronization
import TTRPC
import Testing

@testable import Shim

private func memory(_ mebibytes: Int64) -> String { #"{"memory":{"limit":\#(mebibytes << 20)}}"# }

/// A running container with 128 of 256 MiB of its zone, 60 of them in use, and what its VM is asked to change.
private final class Bench: Sendable {
    let shim: ShimBench
    let isSilent = Atomic(false)
    private let asked = Mutex<[ControlRequest]>([])

    init(resources: String = memory(100)) async throws {
        shim = try await ShimBench()
        try await shim.create("a") { spec in
            spec.annotations = ["czone.dev/zone-size": "256M"]
            spec.linux?.resources = try? RuntimeSpec.Resources(json: Array(resources.utf8))
        }
        try await shim.start("a")
        try shim.machine.follow { [self] request, client in
            switch request {
            case .describe:
                var measure = ContainerMeasure(container: ContainerNumber(1))
                measure.memoryCurrent = 60 << 20
                let reported = isSilent.load(ordering: .relaxed) ? [] : [("a@test", measure)]
                client.reply(.description(FakeMachine.description(reported)))
                return true
            case .update, .resizeZone: asked.withLock { $0.append(request) }
            default: break
            }
            return false
        }
    }

    /// Why an update is refused; nil where it is not.
    func update(_ resources: String) async throws -> Status? {
        try await shim.refusal(of: "Update", limits(of: "a", resources))
    }

    /// What the VM was asked to change since this was last called.
    func changes() -> [ControlRequest] {
        asked.withLock { asked in
            defer { asked = [] }
            return asked
        }
    }
}

private func limit(_ mebibytes: UInt64) -> ControlRequest {
    .update(container: "a@test", limits: ResourceLimits(memoryMax: mebibytes << 20))
}

private func resize(_ mebibytes: UInt64) -> ControlRequest {
    .resizeZone(container: "a@test", sizeInBytes: mebibytes << 20)
}

@Suite(.timeLimit(.minutes(1))) struct UpdateTests {
    @Test func aLimitWithinTheZoneChangesTheLimitAlone() async throws {
        let bench = try await Bench()
        for mebibytes in [61, 60, 110] as [Int64] {
            #expect(try await bench.update(memory(mebibytes)) == nil)
            #expect(bench.changes() == [limit(UInt64(mebibytes))])
        }
        // 8 MiB of a zone stay free.
        #expect(try await bench.update(memory(125)) == nil)
        #expect(bench.changes() == [limit(120)])
        #expect(try await bench.update(#"{"memory":{"limit":-1}}"#) == nil)
        #expect(bench.changes() == [limit(120)])
    }

    @Test func aLimitBeyondTheZoneGrowsItFirst() async throws {
        let bench = try await Bench()
        #expect(try await bench.update(memory(200)) == nil)
        #expect(bench.changes() == [resize(256), limit(200)])
        #expect(try await bench.update(memory(240)) == nil)
        #expect(bench.changes() == [limit(240)])
        #expect(try await bench.update(memory(100)) == nil)
        #expect(bench.changes() == [limit(100)], "the zone keeps its size")
    }

    @Test func aLimitBelowWhatIsUsedIsRefusedAndNothingIsChanged() async throws {
        let bench = try await Bench()
        let refusal = try await bench.update(memory(59))
        let text = "the container a cannot shrink to 59 MiB: it uses 60 MiB of its zone of 128 MiB"
        #expect(refusal == Status(.failedPrecondition, text))
        bench.isSilent.store(true, ordering: .relaxed)
        #expect(try await bench.update(memory(100))?.code == .unavailable)
        #expect(bench.changes().isEmpty)
    }

    @Test func aLimitBeyondTheZonesOfTheVMIsRefusedAndNothingIsChanged() async throws {
        let bench = try await Bench()
        let refusal = try await bench.update(memory(257))
        #expect(refusal?.code == .failedPrecondition)
        #expect(refusal?.message.contains("257 MiB: the zones of its VM have 256 MiB") == true)
        #expect(bench.changes().isEmpty)
    }

    /// Its zone grows by itself: what it gets is a limit.
    @Test func aContainerWithoutALimitGetsOne() async throws {
        let bench = try await Bench(resources: "{}")
        for mebibytes in [200, 100] as [Int64] {
            #expect(try await bench.update(memory(mebibytes)) == nil)
            #expect(bench.changes() == [limit(UInt64(mebibytes))])
        }
        #expect(try await bench.update(#"{"memory":{"limit":-1}}"#) == nil)
        #expect(bench.changes() == [limit(248)])
        #expect(try await bench.update(#"{"unified":{"memory.max":"104857600"}}"#) == nil)
        #expect(bench.changes() == [limit(100)])
    }

    @Test func otherLimitsLeaveTheMemoryAsItIs() async throws {
        let bench = try await Bench()
        #expect(try await bench.update(#"{"pids":{"limit":9},"cpu":{"quota":50000,"period":100000}}"#) == nil)
        #expect(
            bench.changes() == [
                .update(
                    container: "a@test",
                    limits: ResourceLimits(processesMax: 9, cpuQuota: 50000, cpuPeriod: 100_000))
            ])
    }
}
