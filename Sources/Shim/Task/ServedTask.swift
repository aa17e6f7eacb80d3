import ContainerdAPI
import SwiftProtobuf

/// What containerd asks of a task: a container, or a pod's sandbox. An empty `execID` means its first process.
protocol ServedTask: Actor {
    /// A live process of the host that stands for it.
    var processID: UInt32 { get }

    func start(_ execID: String) async throws -> UInt32
    func state(_ execID: String) throws -> Containerd_Task_V2_StateResponse
    /// Suspends until the process has ended.
    func wait(_ execID: String) async throws -> ProcessExit
    /// Forgets a process that has ended, or was never started.
    func delete(_ execID: String) async throws -> ProcessExit
    func kill(_ execID: String, signal: UInt32, all: Bool) async throws

    func addExec(_ request: Containerd_Task_V2_ExecProcessRequest) throws
    func resizeTerminal(_ execID: String, rows: UInt32, columns: UInt32) async throws
    func closeInput(_ execID: String, _ input: Bool) throws
    func processIDs() async throws -> [UInt32]
    func setPaused(_ paused: Bool) async throws
    /// - Parameter bytes: runtime-spec's resources, as JSON.
    func update(_ bytes: [UInt8]) async throws
    func stats() async throws -> Google_Protobuf_Any
}
