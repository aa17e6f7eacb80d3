import AgentProtocol
import ContainerdAPI
import ControlProtocol
import LinuxSystem
import NIOPosix
import Runtime
import SwiftProtobuf
import Synchronization
import TTRPC
import Testing

@testable import Shim

private func exited(_ id: String, code: UInt8 = 1, process: UInt32 = 0, time: UInt64 = 1) -> ControlReply {
    .exited(
        ExitRecord(
            container: "\(id)@test", process: process, code: code, outOfMemory: true, time: time, reason: "so it says"))
}

/// A frame with any payload, or any length.
private func frame(_ request: UInt32, _ payload: [UInt8], length: UInt32? = nil) -> [UInt8] {
    var encoder = MessageEncoder()
    encoder.integer(length ?? UInt32(payload.count))
    encoder.integer(request)
    return encoder.bytes + payload
}

/// The VM is whatever its guest has made of it. Its answers touch no container but the one that they are for, and the
/// daemon, which serves others too, goes on.
@Suite(.timeLimit(.minutes(1))) struct HostileMachineTests {
    /// A bench with two running containers in one VM, and the first one's connection there.
    private func victims() async throws -> (bench: ShimBench, client: FakeClient) {
        let bench = try await ShimBench()
        try await bench.run("a")
        try await bench.run("b")
        #expect(bench.starter.machines.count == 1)
        return (bench, try #require(try bench.machine.maker(of: "a@test")))
    }

    private func expectUntouched(_ bench: ShimBench, _ id: String = "b") async throws {
        #expect(try await bench.status(id) == .running)
        try await bench.run("later")
        #expect(try await bench.status("later") == .running)
    }

    @Test func answersToNobodyAreNobodys() async throws {
        let (bench, client) = try await victims()
        for request in [0, 2, 77, client.request + 1, 1 << 16, (1 << 16) + 500, UInt32.max] as [UInt32] {
            client.reply(exited("a"), to: request)
            client.reply(exited("b"), to: request)
            client.reply(.refused(Refusal(.failed, "no")), to: request)
        }
        // Answers on a connection are in order: this one comes behind them.
        _ = try await bench.call("Pause", Containerd_Task_V2_PauseRequest.with { $0.id = "a" })
        #expect(try await bench.status("a") == .paused)
        try await expectUntouched(bench)
    }

    @Test func theEndOfAnotherContainerIsNotReported() async throws {
        let (bench, client) = try await victims()
        client.reply(exited("b", code: 3))
        #expect(try await bench.wait("a") == 255, "the VM that lies about it is not listened to any more")
        try await expectUntouched(bench)
    }

    @Test func theEndOfAnotherProcessIsNotTheContainers() async throws {
        let (bench, client) = try await victims()
        client.reply(exited("a", code: 3, process: 9))
        #expect(try await bench.wait("a") == 255)
        try await expectUntouched(bench)
    }

    @Test(arguments: [
        ("a giant length", frame(1, [], length: .max)),
        ("a length over the limit", frame(1, [], length: UInt32(ControlLimits.payload) + 1)),
        ("no answer at all", frame(1, [])), ("an unknown answer", frame(1, [99])),
        ("bytes after the end", frame(1, [1, 0])), ("a frame that ends early", frame(1, [5, 3, 0])),
        // A list of 2³² − 1 processes in a few bytes.
        ("a giant list", frame(1, [30, 0xFF, 0xFF, 0xFF, 0xFF])),
        // An end whose container's name is 0xFF 0xFE, and one that claims to be 4 GiB long.
        ("invalid UTF-8", frame(1, [5, 2, 0, 0, 0, 0xFF, 0xFE] + [UInt8](repeating: 0, count: 22))),
        ("a giant text", frame(1, [5, 0xFF, 0xFF, 0xFF, 0xFF] + [UInt8](repeating: 65, count: 64))),
        // A state of a VM that there is not.
        ("an invalid state", frame(1, [6, 9] + [UInt8](repeating: 0, count: 100))),
    ])
    func bytesWithoutSenseEndTheirConnectionAlone(_ what: String, _ bytes: [UInt8]) async throws {
        let (bench, client) = try await victims()
        client.send(bytes)
        #expect(try await bench.wait("a") == 255, "\(what)")
        try await expectUntouched(bench)
    }

    @Test func aFrameThatIsCutShortIsAnEnd() async throws {
        let (bench, client) = try await victims()
        client.send(Array(FakeClient.bytes(exited("a", code: 3), to: client.request).dropLast()))
        client.end()
        #expect(try await bench.wait("a") == 255)
        try await expectUntouched(bench)
    }

    @Test func anEndIsReportedOnce() async throws {
        let (bench, client) = try await victims()
        for code in 3..<200 as Range<UInt8> { client.reply(exited("a", code: code, time: .max)) }
        #expect(try await bench.wait("a") == 3)
        #expect(try await bench.delete("a") == 3)
        try await expectUntouched(bench)
        // Three times create and start; out of memory, exit and delete of the one.
        let exits = try await bench.events.first(9, Containerd_Events_TaskExit.self)
        #expect(exits.map(\.containerID) == ["a"] && exits.map(\.exitStatus) == [3])
    }

    /// A waiter was once added beside the container's actor, where its end was just being reported.
    @Test func endsAreReportedToThoseWhoComeMeanwhile() async throws {
        let bench = try await ShimBench()
        for round in 0..<300 {
            let id = "c\(round)"
            try await bench.run(id)
            let maker = try #require(try bench.machine.maker(of: "\(id)@test"))
            async let first = bench.wait(id)
            async let second = bench.wait(id)
            maker.reply(exited(id, code: 7))
            #expect(try await [bench.wait(id), first, second] == [7, 7, 7])
            #expect(try await bench.delete(id) == 7)
        }
    }

    @Test func anEndBeforeTheStartIsAnEnd() async throws {
        let bench = try await ShimBench()
        try await bench.create("early")
        try #require(try bench.machine.maker(of: "early@test")).reply(exited("early", code: 4))
        #expect(try await bench.wait("early") == 4)
        let request = Containerd_Task_V2_StartRequest.with { $0.id = "early" }
        #expect(try await bench.refusal(of: "Start", request)?.code == .failedPrecondition)
        #expect(try await bench.delete("early") == 4)
    }

    @Test func anEndBeforeTheStartIsAnsweredComesAfterIt() async throws {
        let (bench, _) = try await victims()
        let machine = try bench.machine
        machine.follow { request, client in
            guard case .start("c@test") = request else { return false }
            machine.maker(of: "c@test")?.reply(exited("c", code: 5))
            client.reply(.started(FakeMachine.started("c@test", 0)))
            return true
        }
        try await bench.run("c")
        #expect(try await bench.wait("c") == 5)
        try await expectUntouched(bench)
    }

    @Test func aFloodOfAnswersEndsItsConnection() async throws {
        let (bench, client) = try await victims()
        let answer = FakeClient.bytes(.started(FakeMachine.started("a@test", 0)), to: client.request)
        client.send([UInt8]([[UInt8]](repeating: answer, count: 50_000).joined()))
        #expect(try await bench.wait("a") == 255)
        try await expectUntouched(bench)
    }

    @Test func aFloodOfAnswersToNobodyIsPassedOver() async throws {
        let (bench, client) = try await victims()
        let answer = FakeClient.bytes(.processes([UInt32](repeating: 5, count: 1000)), to: 1 << 20)
        client.send([UInt8]([[UInt8]](repeating: answer, count: 5_000).joined()))
        #expect(try await bench.status("a") == .running)
        try await expectUntouched(bench)
    }

    // MARK: what is reported of containers

    @Test func spoofedStatisticsAreCutAndNeverFall() async throws {
        let (bench, _) = try await victims()
        let own = Mutex(ContainerMeasure(container: ContainerNumber(1)))
        own.withLock { measure in
            (measure.memoryCurrent, measure.memoryPeak, measure.memoryMax) = (.max, .max, .max - 1)
            (measure.cpuUsage, measure.cpuUser, measure.cpuSystem) = (.max, .max, .max)
            (measure.processes, measure.anonymous, measure.file, measure.kernel) = (.max, .max, .max, .max)
            (measure.zoneTotal, measure.zoneUsed, measure.pageFaults) = (.max, .max, .max)
        }
        try bench.machine.follow { request, client in
            guard case .describe = request else { return false }
            var foreign = ContainerMeasure(container: ContainerNumber(2))
            foreign.memoryCurrent = 7
            client.reply(
                .description(FakeMachine.description([("b@test", foreign), ("a@test", own.withLock { $0 })])))
            return true
        }
        let first = try await metrics(of: "a", bench)
        // It has no limit: its zone may grow so far.
        let zone = try ZoneSize.elastic(try Configuration.load())
        #expect(first.memory.usage.usage == zone && first.memory.usage.max == zone && first.memory.usage.limit == zone)
        #expect(first.pids.current == 4_194_304)
        // Two processors, and a bench that is not a minute old.
        #expect(first.cpu.usage.total > 0 && first.cpu.usage.total < 2 * 60_000_000_000)
        own.withLock { $0.cpuUsage = 1 }
        let second = try await metrics(of: "a", bench)
        #expect(second.cpu.usage.total >= first.cpu.usage.total)
        #expect(try await metrics(of: "b", bench).memory.usage.usage == 7)
        try await expectUntouched(bench)
    }

    private func metrics(of id: String, _ bench: ShimBench) async throws -> Io_Containerd_Cgroups_V1_Metrics {
        let request = Containerd_Task_V2_StatsRequest.with { $0.id = id }
        let stats = try await bench.call("Stats", request, Containerd_Task_V2_StatsResponse.self).stats
        return try Io_Containerd_Cgroups_V1_Metrics(serializedBytes: stats.value)
    }

    @Test func statisticsOfNobodyAreNone() async throws {
        let (bench, _) = try await victims()
        #expect(try await metrics(of: "a", bench).memory.usage.usage == 0)
    }

    @Test func idsThatNoProcessCanHaveAreLeftOut() async throws {
        let (bench, _) = try await victims()
        try bench.machine.follow { request, client in
            guard case .processes = request else { return false }
            client.reply(.processes([0, 1, 4_194_304, 4_194_305, 1 << 31, .max]))
            return true
        }
        let request = Containerd_Task_V2_PidsRequest.with { $0.id = "a" }
        let answer = try await bench.call("Pids", request, Containerd_Task_V2_PidsResponse.self)
        #expect(answer.processes.map(\.pid) == [1, 4_194_304])
    }

    @Test(arguments: ["-1", "0", "-2147483648", "4294967296", "", "x"])
    func aVMWithoutAProcessTakesNoContainer(_ text: String) async throws {
        let bench = try await ShimBench()
        try await bench.run("a")
        try bench.machine.claimProcessID(text)
        #expect(try await bench.refusal(of: "Create", try bench.creation(of: "c"))?.code == .unavailable)
        #expect(try await bench.status("a") == .running)
    }

    // MARK: executed processes

    @Test(arguments: [
        ControlReply.started(FakeMachine.started("a@test", 0)), .started(FakeMachine.started("b@test", 1)), .done,
        exited("b"), .processes([]),
    ])
    func anExecutedProcessIsNotTakenForAnother(_ answer: ControlReply) async throws {
        let (bench, _) = try await victims()
        try bench.machine.follow { request, client in
            guard case .execute = request else { return false }
            client.reply(answer)
            return true
        }
        _ = try await bench.call("Exec", bench.execution("x", in: "a"))
        let request = Containerd_Task_V2_StartRequest.with { ($0.id, $0.execID) = ("a", "x") }
        #expect(try await bench.refusal(of: "Start", request) != nil)
        #expect(try await bench.status("a") == .running)
        try await expectUntouched(bench)
    }

    @Test func theEndOfAnExecutedProcessEndsNothingElse() async throws {
        let (bench, _) = try await victims()
        let executed = Mutex<FakeClient?>(nil)
        try bench.machine.follow { request, client in
            if case .execute = request { executed.withLock { $0 = client } }
            return false
        }
        for name in ["x", "y"] {
            _ = try await bench.call("Exec", bench.execution(name, in: "a"))
            try await bench.start("a", exec: name)
            let client = try #require(executed.withLock { $0 })
            // First one reports the container's end, then one its own.
            client.reply(name == "x" ? exited("a", process: 0) : exited("a", code: 6, process: 2))
            #expect(try await bench.wait("a", exec: name) == (name == "x" ? 255 : 6))
        }
        #expect(try await bench.status("a") == .running)
    }

    // MARK: words, silence and leftovers

    @Test func longWordsPassAndAreCleaned() async throws {
        let (bench, _) = try await victims()
        try bench.machine.follow { request, client in
            guard case .pause = request else { return false }
            client.reply(.refused(Refusal(.guestFailed, "\u{1B}[2J\n" + String(repeating: "ü", count: 4000))))
            return true
        }
        let refusal = try await bench.refusal(of: "Pause", Containerd_Task_V2_PauseRequest.with { $0.id = "a" })
        #expect(refusal?.code == .unknown)
        #expect(refusal?.message.hasPrefix("?[2J?ü") == true && refusal?.message.utf8.count == 4096 - 1)
        #expect(try await bench.status("a") == .running)
    }

    @Test func whatCouldNotBeMadeLeavesNoConnection() async throws {
        let (bench, _) = try await victims()
        let machine = try bench.machine
        let refused = Mutex<FakeClient?>(nil)
        machine.follow { request, client in
            guard case .create(let create) = request, create.run.id == "c@test" else { return false }
            refused.withLock { $0 = client }
            client.reply(.accepted(container: create.run.id, zone: 2))
            client.reply(.refused(Refusal(.guestFailed, "it has no mind to")))
            return true
        }
        let refusal = try await bench.refusal(of: "Create", try bench.creation(of: "c"))
        #expect(refusal == Status(.unknown, "it has no mind to"))
        let client = try #require(refused.withLock { $0 })
        let isClosed = try wait(for: [(client.socket, .hungUp)], timeoutInMilliseconds: 10_000)[0].contains(.hungUp)
        #expect(isClosed)
        // The id is free, and so is the registry's.
        machine.follow { _, _ in false }
        try await bench.run("c")
    }

    @Test func aSilentVMIsWaitedForOnlySoLong() async throws {
        let (mine, theirs) = try UnixSocket.pair()
        let begun = BegunConversation(ControlConnection(mine), request: 1)
        let (connection, answers) = try await MachineConnection.adopt(
            begun, group: MultiThreadedEventLoopGroup.singleton)
        let late = await #expect(throws: RuntimeError.self) {
            try await connection.ask(.nodes, withinMilliseconds: 50)
        }
        #expect(late.map { Status($0).code } == .deadlineExceeded)
        // Its late answer is not taken for the next one's.
        try theirs.send(FakeClient.bytes(.done, to: (1 << 16) + 1))
        let next = Task { try await connection.ask(.processes(container: "a")) }
        var decoder = ControlFrameDecoder<ControlRequest>()
        var request: UInt32?
        while request == nil {
            guard try !wait(for: [(theirs, .readable)], timeoutInMilliseconds: 0)[0].isEmpty else {
                await Task.yield()
                continue
            }
            decoder.append(try theirs.read(atMost: 4096))
            while let frame = try decoder.next() {
                if case .processes = frame.content { request = frame.request }
            }
        }
        try theirs.send(FakeClient.bytes(.processes([5]), to: try #require(request)))
        #expect(try await next.value == .processes([5]))
        // Who gives up is let go at once.
        let waiting = Task { try await connection.ask(.nodes) }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        theirs.endConnection()
        let gone = await #expect(throws: Status.self) { try await connection.ask(.nodes) }
        #expect(gone?.code == .unavailable)
        for await answer in answers { Issue.record("answered \(answer)") }
    }
}
