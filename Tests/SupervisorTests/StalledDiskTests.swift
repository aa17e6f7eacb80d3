import AgentProtocol
import ControlProtocol
import FileShare
import Glibc
import LinuxSystem
import Machine
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Supervisor
@testable import Virtio

/// A disk that takes nothing, for a time or for ever, holds up the container that prints and nothing else.
@Suite struct StalledDiskTests {
    /// A container with a log and an exit record, and the guest's end of its standard output.
    private func run(
        _ id: String, log: OwnedDescriptor, on bench: SupervisorBench
    ) throws -> (client: BenchClient, number: ContainerNumber, output: OwnedDescriptor, record: String) {
        let record = bench.path("\(id).exit")
        let exit = try OwnedDescriptor(opening: record, flags: O_WRONLY | O_CREAT)
        let client = try bench.client()
        try client.send(.run(.bench(id, descriptors: [.log, .exitRecord])), descriptors: [log, exit])
        guard case .accepted? = try client.next() else { throw SystemError("place \(id)", .invalidArgument) }
        let (made, create) = try bench.request(CreateContainer.self)
        let port = create.specification.process.streams.output
        let output = try #require(bench.machine.vsock.hostEnd(for: VsockConnectionID(hostPort: port, guestPort: 1)))
        try output.setNonBlocking()
        try bench.say(.bench, to: made)
        guard case .started? = try client.next() else { throw SystemError("start \(id)", .invalidArgument) }
        return (client, create.container, output, record)
    }

    /// Prints lines until nothing more is taken; how many bytes were.
    private func fill(_ output: OwnedDescriptor, on bench: SupervisorBench) throws -> Int {
        let line = [UInt8](repeating: UInt8(ascii: "x"), count: 99) + [UInt8(ascii: "\n")]
        let piece = Array([[UInt8]](repeating: line, count: 100).joined())
        var (count, tries) = (0, 0)
        while tries < 100 {
            do {
                count += try output.write(some: piece[...])
                tries = 0
            } catch { tries += 1 }
            try bench.pump()
            guard count < 64 << 20 else { return count }
        }
        return count
    }

    /// How much of what `fill` prints a log has, without the ends of lines.
    private func printed(_ log: [UInt8]) -> Int { log.count { $0 == UInt8(ascii: "x") } }

    private func record(at path: String) throws -> ExitRecord? {
        let bytes = try contents(of: path)
        guard !bytes.isEmpty else { return nil }
        var decoder = MessageDecoder(bytes)
        return try ExitRecord(decoding: &decoder)
    }

    @Test func whatPrintsIsHeldBackAndAllOthersAreServed() throws {
        let bench = try SupervisorBench(diskIsStalled: true)
        let path = bench.path("log")
        let log = try OwnedDescriptor(opening: path, flags: O_WRONLY | O_CREAT)
        let (client, number, output, recordPath) = try run("a", log: log, on: bench)
        let count = try fill(output, on: bench)
        #expect(count < 2 << 20, "what waits for the disk is bounded")
        try client.send(.describe(measured: false))
        guard case .description? = try client.next() else {
            Issue.record("nobody answers")
            return
        }
        // Its end waits for the disk a little, and no more.
        try bench.say(Exited.bench(number))
        #expect(try client.next() == nil)
        bench.supervisor.deadlines.advance(byMilliseconds: 2000)
        #expect(try client.exit().code == 3)
        let deletion = try bench.request(DeleteContainer.self).number
        try bench.say(ContainerDeleted(zone: nil, timings: []), to: deletion)
        #expect(bench.supervisor.containers.isEmpty)
        #expect(try record(at: recordPath) == nil)
        // The disk is there again: nothing was lost.
        output.endConnection()
        try bench.diskThreads.start(1, named: "disk")
        #expect(try bench.waits { try record(at: recordPath)?.code == 3 })
        #expect(
            try bench.waits {
                printed(try contents(of: path)) >= count / 100 * 99
            })
    }

    @Test func aStalledLogHoldsUpNoOthers() throws {
        let bench = try SupervisorBench()
        let (reader, writer) = try OwnedDescriptor.pipe()
        let (_, _, stalled, _) = try run("stalled", log: writer, on: bench)
        // A thread of the disk's writes into the full pipe now, and waits.
        let count = try fill(stalled, on: bench)
        let path = bench.path("log")
        let log = try OwnedDescriptor(opening: path, flags: O_WRONLY | O_CREAT)
        let (client, number, output, recordPath) = try run("other", log: log, on: bench)
        try output.write(all: Array("hello\n".utf8))
        #expect(
            try bench.waits { String(decoding: try contents(of: path), as: UTF8.self).hasSuffix("stdout F hello\n") })
        try bench.say(Exited.bench(number))
        #expect(try bench.waits { try record(at: recordPath)?.code == 3 })
        #expect(try bench.waits { try client.next() != nil })
        // The pipe is read to its end, so that the threads are free again.
        stalled.endConnection()
        try reader.setNonBlocking()
        var text: [UInt8] = []
        #expect(
            try bench.waits {
                while let more = try? reader.read(atMost: 1 << 16), !more.isEmpty { text += more }
                return printed(text) >= count / 100 * 99
            })
    }

    @Test func anEndIsReportedWhereItsRecordCannotBeWritten() throws {
        let bench = try SupervisorBench()
        let client = try bench.client()
        let full = try OwnedDescriptor(opening: "/dev/full", flags: O_WRONLY)
        try client.send(.run(.bench("a", descriptors: .exitRecord)), descriptors: [full])
        guard case .accepted? = try client.next() else {
            Issue.record("not accepted")
            return
        }
        try bench.say(.bench, to: try bench.request(CreateContainer.self).number)
        _ = try client.next()
        let number = try #require(bench.supervisor.containers["a"]?.number)
        try bench.say(Exited.bench(number))
        var end: ControlReply?
        #expect(
            try bench.waits {
                end = try client.next()
                return end != nil
            })
        guard case .exited(let record)? = end else {
            Issue.record("no end")
            return
        }
        #expect(record.code == 3)
    }

    @Test func aRecordsRoomIsReservedAtItsContainersStart() throws {
        let bench = try SupervisorBench()
        let log = try OwnedDescriptor(opening: bench.path("log"), flags: O_WRONLY | O_CREAT)
        // Without its client the container would end, and have a record.
        let (client, _, output, recordPath) = try run("a", log: log, on: bench)
        #expect(try bench.waits { try FileSystem.status(recordPath)?.allocatedBytes ?? 0 > 0 })
        // An empty record is a container that runs.
        #expect(try OwnedDescriptor(opening: recordPath, flags: O_RDONLY).sizeInBytes() == 0)
        withExtendedLifetime((client, output)) {}
    }

    @Test func aVMsEndWaitsForWhatIsOnItsWay() throws {
        let bench = try SupervisorBench()
        let path = bench.path("log")
        let log = try OwnedDescriptor(opening: path, flags: O_WRONLY | O_CREAT)
        let (client, _, output, recordPath) = try run("a", log: log, on: bench)
        try output.write(all: Array("last words\n".utf8))
        try bench.pump()
        bench.supervisor.conclude(.failed("a test"))
        #expect(try record(at: recordPath)?.reason == "its VM ended: a test")
        #expect(String(decoding: try contents(of: path), as: UTF8.self).hasSuffix("last words\n"))
        #expect(try client.exit().code == 255)
    }

    /// A bench with a volumes' file system that has not answered yet.
    private func benchWithStalledVolumes() throws -> (SupervisorBench, StalledVolumes) {
        let volumes = try StalledVolumes()
        let threads = WorkerThreads()
        try threads.start(1, named: "files")
        return (
            try SupervisorBench {
                $0.files = volumes
                $0.fileThreads = threads
            }, volumes
        )
    }

    /// Attaches one volume for container `a`; returns when its file system is asked.
    private func attach(_ volumes: StalledVolumes, on bench: SupervisorBench, by client: BenchClient) throws {
        let volume = try OwnedDescriptor(opening: bench.path(""), flags: O_RDONLY)
        let request = AttachRequest(
            container: "a", volumes: [AttachRequest.Volume(isReadOnly: true, isRecursive: false)])
        try client.send(.attach(request), descriptors: [volume])
        #expect(try bench.waits { volumes.attachments == 1 })
    }

    @Test func aVolumeThatIsSlowToOpenHoldsUpItsClientAlone() throws {
        let (bench, volumes) = try benchWithStalledVolumes()
        let (client, other) = (try bench.client(), try bench.client())
        try attach(volumes, on: bench, by: client)
        // What the client asks behind it waits for it, others do not.
        try client.send(.zoneTimes)
        try other.send(.zoneTimes)
        guard case .zoneTimes? = try other.next() else {
            Issue.record("the other client waits")
            return
        }
        let (_, number) = try bench.run("b")
        try bench.say(Exited.bench(number))
        #expect(try client.next() == nil)
        bench.supervisor.deadlines.advance(byMilliseconds: 14_000)
        #expect(try client.next() == nil)
        volumes.answer()
        var answers: [ControlReply] = []
        #expect(
            try bench.waits {
                while let answer = try client.next() { answers.append(answer) }
                return answers.count == 2
            })
        #expect(answers.first == .done)
        // It is refused no more, and the volume is the container's.
        bench.supervisor.deadlines.advance(byMilliseconds: 60_000)
        #expect(try client.next() == nil && volumes.detached.isEmpty)
    }

    @Test func aVolumeThatDoesNotOpenIsRefusedAndGivenBack() throws {
        let (bench, volumes) = try benchWithStalledVolumes()
        let client = try bench.client()
        try attach(volumes, on: bench, by: client)
        bench.supervisor.deadlines.advance(byMilliseconds: 15_000)
        let refusal = try client.refusal()
        #expect(refusal.reason == .late && refusal.text == "a volume's file system has not answered within 15 s")
        try client.send(.zoneTimes)
        guard case .zoneTimes? = try client.next() else {
            Issue.record("the client waits on")
            return
        }
        // What comes late is nobody's.
        volumes.answer()
        #expect(try bench.waits { volumes.detached == ["volume"] })
        #expect(try client.next() == nil)
    }
}

/// Volumes of a file system that answers when the test wants.
private final class StalledVolumes: VolumeServer {
    private struct State {
        var attachments = 0
        var detached: [String] = []
    }

    private let state = Mutex(State())
    private let released: OwnedDescriptor
    private let release: OwnedDescriptor

    init() throws(SystemError) { (released, release) = try UnixSocket.pair() }

    /// How often a volume's file system was asked.
    var attachments: Int { state.withLock { $0.attachments } }
    var detached: [String] { state.withLock { $0.detached } }

    /// Lets it answer, now and from now on.
    func answer() { release.endConnection() }

    func attach(_ descriptor: OwnedDescriptor, _ options: VolumeOptions) throws(VolumeError) -> String {
        state.withLock { $0.attachments += 1 }
        _ = try? released.isReadable(by: Deadline(inMilliseconds: 60_000))
        return "volume"
    }

    func detach(_ id: String) { state.withLock { $0.detached.append(id) } }
    func answer(_ bytes: [UInt8], room: Int) -> [UInt8] { [] }
    func observeMalformedRequests(_ observer: @escaping @Sendable (String) -> Void) {}
    func observeLoss(_ observer: @escaping @Sendable (String) -> Void) {}
    let requestCount: UInt64 = 0
    let malformedRequestCount: UInt64 = 0
    func connect(_ channels: [OwnedDescriptor]) -> Bool { false }
    let isServing = true
}
