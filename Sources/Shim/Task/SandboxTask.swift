import LinuxSystem
import ContainerdAPI
import Glibc
import Runtime
import SwiftProtobuf
import TTRPC

/// A pod's sandbox as containerd sees it: a task of one process, which runs no programs and uses nothing. What it stands
/// for in a VM is its pod.
actor SandboxTask: ServedTask {
    nonisolated let id: String
    nonisolated let pod: Pod
    private let bundle: String
    private let events: TaskEvents
    private let process: TaskProcess
    private var processorTime = ProcessorTime()

    init(id: String, bundle: String, io: StandardIO, publisher: EventPublisher, pod: Pod) {
        self.id = id
        self.bundle = bundle
        self.pod = pod
        events = TaskEvents(id: id, publisher: publisher)
        process = TaskProcess(execID: "", io: io)
    }

    /// This daemon: the pod may have no VM yet.
    var processID: UInt32 { UInt32(getpid()) }

    private var name: String { "the sandbox \(id)" }

    private func demandFirst(_ execID: String) throws {
        guard execID.isEmpty else {
            throw Status(.notFound, "there is no process \(quoted(execID)) in \(name)")
        }
    }

    /// It waits until its pod is in a VM.
    func create() async {
        await pod.whenEnded { [weak self] code in await self?.end(code) }
        events.created(bundle: bundle, process.io, processID: processID)
    }

    func start(_ execID: String) throws -> UInt32 {
        try demandFirst(execID)
        try process.beginStart(of: name)
        let earlyEnd = process.finishStart(hasFailed: false)
        events.started("", processID: processID)
        if let earlyEnd { report(earlyEnd) }
        return processID
    }

    /// A sandbox ends with its pod.
    private func end(_ code: UInt32) {
        let exit = ProcessExit(code: code)
        if process.beginEnd(exit) { report(exit) }
    }

    private func report(_ exit: ProcessExit) {
        guard process.exit == nil else { return }
        process.end(exit)
        events.ended("", exit, processID: processID)
    }

    func state(_ execID: String) throws -> Containerd_Task_V2_StateResponse {
        try demandFirst(execID)
        return process.response(id: id, bundle: bundle, processID: processID)
    }

    func wait(_ execID: String) async throws -> ProcessExit {
        try demandFirst(execID)
        let number = process.nextWaiterNumber()
        let exit = await withTaskCancellationHandler {
            await end(for: number)
        } onCancel: {
            Task { await self.dismiss(number) }
        }
        guard let exit else { throw Status(.cancelled, "nobody waits any more") }
        return exit
    }

    private func end(for waiter: UInt64) async -> ProcessExit? {
        await withCheckedContinuation { process.add($0, number: waiter) }
    }

    private func dismiss(_ number: UInt64) { process.dismiss(number) }

    func delete(_ execID: String) async throws -> ProcessExit {
        try demandFirst(execID)
        guard process.isCreated || process.exit != nil else {
            throw Status(.failedPrecondition, "\(name) cannot be deleted: it is \(process.state.word)")
        }
        await pod.end()
        let exit = process.exit ?? ProcessExit(code: 137)
        process.end(exit)
        events.deleted("", exit, processID: processID)
        return exit
    }

    func kill(_ execID: String, signal: UInt32, all: Bool) async throws {
        try demandFirst(execID)
        guard !process.hasEnded else { throw Status(.notFound, "\(name) has ended already") }
        guard signal <= 64 else { throw Status(.invalidArgument, "there is no signal \(signal)") }
        await pod.signal(signal)
    }

    // MARK: what a sandbox does not do

    func addExec(_ request: Containerd_Task_V2_ExecProcessRequest) throws {
        throw Status(.unimplemented, "\(name) has no root and runs no programs")
    }

    func resizeTerminal(_ execID: String, rows: UInt32, columns: UInt32) throws {
        try demandFirst(execID)
        throw Status(.failedPrecondition, "\(name) has no terminal whose size could be changed")
    }

    func closeInput(_ execID: String, _ input: Bool) throws { try demandFirst(execID) }
    func processIDs() -> [UInt32] { process.exit == nil ? [processID] : [] }

    func setPaused(_ paused: Bool) throws {
        throw Status(.unimplemented, "a sandbox has nothing to \(paused ? "pause" : "resume")")
    }

    /// It has no limits of its own.
    func update(_ bytes: [UInt8]) {}

    func stats() throws -> Google_Protobuf_Any {
        guard process.exit == nil else { throw Status(.notFound, "\(name) has ended already") }
        let reported = processorTime.report(0)
        let metrics = Metrics(nil, zoneSizeInBytes: 0, cpuNanoseconds: reported)
        return try Google_Protobuf_Any(metrics: metrics.message)
    }
}
