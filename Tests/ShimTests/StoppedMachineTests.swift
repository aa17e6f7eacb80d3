import AgentProtocol
import ContainerdAPI
import ControlProtocol
import Glibc
import LinuxSystem
import OCI
import Runtime
import SwiftProtobuf
import Synchronization
import TTRPC
import TestSupport
import Testing

@testable import Shim

extension ControlTimeouts {
    /// As short as a test can wait.
    fileprivate static var short: ControlTimeouts {
        var timeouts = ControlTimeouts()
        (timeouts.offer, timeouts.start, timeouts.signOfLife, timeouts.answer) = (1500, 2000, 1000, 6000)
        return timeouts
    }
}

extension FakeMachine {
    /// From now on it answers nothing, as a process does that got SIGSTOP. What stands for its process is a child of the
    /// test's: when that is killed, the machine is gone.
    fileprivate func stop(from isFirst: @escaping @Sendable (ControlRequest) -> Bool = { _ in true }) throws {
        let child = try Self.sleepingProcess()
        try claimProcessID("\(child.id)")
        let stopped = StopState()
        follow { request, _ in stopped.isStopped(isFirst(request)) }
        _ = try Thread(named: "fake-process") { [self] in
            _ = try? child.waitForEnd()
            die()
        }
    }
}

private final class StopState: Sendable {
    private let hasStopped = Atomic(false)

    func isStopped(_ isDue: Bool) -> Bool {
        if isDue { hasStopped.store(true, ordering: .relaxed) }
        return hasStopped.load(ordering: .relaxed)
    }
}

private final class Counter: Sendable {
    let value = Atomic(0)
}

/// A VM whose process is stopped at each stage of a container's life: every call ends within its bound, with a code by
/// which clients decide.
@Suite(.timeLimit(.minutes(2))) struct StoppedMachineTests {
    private func bench() async throws -> ShimBench { try await ShimBench(timeouts: .short) }

    /// Why a call fails, which takes so many seconds at most.
    private func refusal(
        _ bench: ShimBench, of method: String, _ request: some SwiftProtobuf.Message, within seconds: Double = 25
    ) async throws -> Status? {
        let start = ContinuousClock.now
        let refusal = try await bench.refusal(of: method, request)
        #expect(ContinuousClock.now - start < .seconds(seconds), "\(method)")
        return refusal
    }

    @Test func aContainerGoesToAnotherVMThanOneThatIsStoppedBeforeItAnswers() async throws {
        let bench = try await bench()
        try await bench.run("a")
        try bench.machine.stop()
        try await bench.run("b")
        #expect(bench.starter.machines.count == 2)
        #expect(try await bench.status("a") == .running)
        #expect(try await bench.status("b") == .running)
    }

    @Test func aVMThatIsStoppedBeforeItTakesItsFirstContainerIsKilled() async throws {
        let bench = try await bench()
        bench.starter.whenStarted { try $0.stop() }
        let refusal = try await refusal(bench, of: "Create", try bench.creation(of: "a"))
        #expect(refusal?.code == .deadlineExceeded)
        #expect(try bench.hosting.registry.containers().isEmpty)
        #expect(try bench.hosting.registry.virtualMachines().isEmpty)
        bench.starter.whenStarted { _ in }
        try await bench.run("a")
    }

    @Test func aVMThatIsStoppedAfterItTookAContainerFailsItsCreation() async throws {
        let bench = try await bench()
        try await bench.run("a")
        let machine = try bench.machine
        let taken = Mutex<FakeClient?>(nil)
        machine.follow { request, client in
            if case .create(let create) = request {
                taken.withLock { $0 = client }
                client.reply(.accepted(container: create.run.id, zone: 2))
            }
            return true
        }
        #expect(
            try await refusal(bench, of: "Create", try bench.creation(of: "c"))?.code == .deadlineExceeded)
        // What the VM has of it ends with its connection, and the id is free.
        let client = try #require(taken.withLock { $0 })
        #expect(try wait(for: [(client.socket, .hungUp)], timeoutInMilliseconds: 5_000)[0].contains(.hungUp))
        machine.follow { _, _ in false }
        try await bench.run("c")
    }

    @Test func aStartThatIsNotAnsweredFailsAndCanBeDeleted() async throws {
        let bench = try await bench()
        try await bench.create("a")
        try bench.machine.stop()
        let start = Containerd_Task_V2_StartRequest.with { $0.id = "a" }
        #expect(try await refusal(bench, of: "Start", start)?.code == .deadlineExceeded)
        let delete = Containerd_Task_V2_DeleteRequest.with { $0.id = "a" }
        #expect(try await refusal(bench, of: "Delete", delete) == nil)
        #expect(try bench.hosting.registry.containers().isEmpty)
    }

    @Test func aVMThatIsStoppedDuringADeletionDoesNotKeepIt() async throws {
        let bench = try await bench()
        try await bench.create("a")
        try bench.machine.stop { if case .remove = $0 { true } else { false } }
        let delete = Containerd_Task_V2_DeleteRequest.with { $0.id = "a" }
        #expect(try await refusal(bench, of: "Delete", delete) == nil)
        #expect(try bench.hosting.registry.containers().isEmpty)
    }

    @Test func callsToAStoppedVMFailAndItsContainerRunsOn() async throws {
        let bench = try await bench()
        try await bench.run("a")
        _ = try await bench.call("Exec", bench.execution("x", in: "a"))
        try bench.machine.stop()
        let start = Containerd_Task_V2_StartRequest.with { ($0.id, $0.execID) = ("a", "x") }
        let term = Containerd_Task_V2_KillRequest.with { ($0.id, $0.signal) = ("a", 15) }
        async let refusals = [
            refusal(bench, of: "Pids", Containerd_Task_V2_PidsRequest.with { $0.id = "a" }),
            refusal(bench, of: "Stats", Containerd_Task_V2_StatsRequest.with { $0.id = "a" }),
            refusal(bench, of: "Pause", Containerd_Task_V2_PauseRequest.with { $0.id = "a" }),
            refusal(bench, of: "Update", limits(of: "a", #"{"pids":{"limit":5}}"#)),
            refusal(bench, of: "Kill", term), refusal(bench, of: "Start", start),
        ]
        #expect(try await refusals.map(\.?.code) == Array(repeating: .deadlineExceeded, count: 6))
        #expect(try await bench.status("a") == .running)
        #expect(try await bench.status("a", exec: "x") == .created)
    }

    @Test func aVMThatDoesNotKillItsContainerIsKilled() async throws {
        let bench = try await bench()
        try await bench.run("a")
        try bench.machine.stop()
        let kill = Containerd_Task_V2_KillRequest.with { ($0.id, $0.signal) = ("a", 9) }
        #expect(try await refusal(bench, of: "Kill", kill) == nil)
        #expect(try await bench.wait("a") == 255)
        #expect(try await bench.delete("a") == 255)
    }

    @Test func callsThatWaitForAStoppedVMHoldNoThreadThatOthersNeed() async throws {
        var timeouts = ControlTimeouts.short
        timeouts.offer = 25_000
        let bench = try await ShimBench(timeouts: timeouts)
        let inFunction = { (name: String) in
            { @Sendable (spec: inout RuntimeSpec) in spec.annotations = [Annotation.function: name] }
        }
        try await bench.create("a", inFunction("stopped"))
        try bench.machine.stop()
        // More than the pool has threads, each with an offer to the VM that is stopped.
        let waiting = try (0..<20).map { index in
            let request = try bench.creation(of: "w\(index)", inFunction("stopped"))
            return Task { try await bench.refusal(of: "Create", request) }
        }
        let start = ContinuousClock.now
        try await bench.create("b", inFunction("other"))
        try await bench.start("b")
        #expect(ContinuousClock.now - start < .seconds(15))
        for task in waiting { task.cancel() }
        for task in waiting { _ = try await task.value }
    }

    @Test func callsToAVMThatTakesNoConnectionHoldNoThreadThatOthersNeed() async throws {
        var timeouts = ControlTimeouts.short
        timeouts.sending = 15_000
        let bench = try await ShimBench(timeouts: timeouts)
        try await bench.run("a")
        let machine = try #require(try bench.hosting.registry.virtualMachines().first)
        let waiting = try bench.machine.fillBacklog(at: machine.socketPath)
        defer { withExtendedLifetime(waiting) {} }
        // More than the pool has threads.
        let ended = Counter()
        var calls: [Task<Status?, any Error>] = []
        for name in (0..<20).map({ "x\($0)" }) {
            _ = try await bench.call("Exec", bench.execution(name, in: "a"))
            let start = Containerd_Task_V2_StartRequest.with { ($0.id, $0.execID) = ("a", name) }
            calls.append(
                Task { @Sendable in
                    defer { ended.value.add(1, ordering: .relaxed) }
                    return try await bench.refusal(of: "Start", start)
                })
        }
        try await bench.create("b") { $0.annotations = [Annotation.function: "other"] }
        try await bench.start("b")
        #expect(ended.value.load(ordering: .relaxed) == 0)
        for call in calls { #expect(try await call.value?.code == .deadlineExceeded) }
    }

    @Test func aPodWhoseVMIsStoppedCanBeMadeAnew() async throws {
        let bench = try await bench()
        try await bench.create("s") { $0.annotations = [Annotation.containerType: "sandbox"] }
        try await bench.start("s")
        bench.starter.whenStarted { try $0.stop { if case .start = $0 { true } else { false } } }
        let creation = try bench.creation(of: "c") { spec in
            spec.annotations = [Annotation.containerType: "container", Annotation.sandboxID: "s"]
        }
        #expect(try await refusal(bench, of: "Create", creation)?.code == .deadlineExceeded)
        bench.starter.whenStarted { _ in }
        try #require(bench.starter.machines.first).die()
        _ = try await bench.call("Create", creation, Containerd_Task_V2_CreateTaskResponse.self)
        try await bench.start("c")
    }
}
