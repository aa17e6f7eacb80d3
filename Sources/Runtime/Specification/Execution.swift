public import AgentProtocol
import ControlProtocol
public import OCI

/// A further program in a container: what is not said is as it is for the container's first process.
public struct Execution: Sendable {
    public var record: ContainerRecord
    public var arguments: [String]
    /// `NAME=value`, over those of the first process; `NAME` alone takes its variable away.
    public var environment: [String] = []
    public var workingDirectory: String?
    public var identity: Accounts.Identity?
    public var hasTerminal = false
    public var windowSize: WindowSize?

    public init(record: ContainerRecord, arguments: [String]) {
        self.record = record
        self.arguments = arguments
    }

    /// The OCI process that it is.
    var process: RuntimeSpec.Process {
        var process = record.process
        process.args = arguments
        process.terminal = hasTerminal
        process.consoleSize = nil
        let usual = hasTerminal ? ["TERM=xterm"] : []
        process.env = RuntimeSpec.merge(usual + (process.env ?? []), with: environment)
        if let workingDirectory { process.cwd = workingDirectory }
        if let identity {
            process.user = RuntimeSpec.User(
                uid: identity.uid, gid: identity.gid, additionalGids: identity.supplementaryGids)
            let held = identity.uid == 0 ? process.capabilities?.bounding ?? [] : []
            process.capabilities?.effective = held
            process.capabilities?.permitted = held
        }
        return process
    }

    /// Asks a VM for it, with its compiled filter kept for the next; the number that the answers bear.
    public func send(
        to connection: ControlConnection, _ streams: StreamEnds.Far, keeping filters: CompiledFilters
    ) throws -> UInt32 {
        let compiler = SpecificationCompiler(
            layers: [], zoneSizeInBytes: record.zoneSizeInBytes, windowSize: windowSize,
            seccomp: SeccompCompiler(keeping: filters))
        let held = record.process.capabilities?.bounding ?? RuntimeSpec.defaultCapabilities
        let filter = record.seccomp ?? DefaultSeccompProfile.seccomp(for: held)
        let specification = try compiler.process(process, seccomp: filter)
        let request = ExecuteRequest(
            container: record.id, descriptors: streams.passed, endsWithConnection: true,
            execute: Execute(container: ContainerNumber(0), process: ProcessNumber(1), specification: specification))
        return try connection.send(.execute(request), descriptors: streams.descriptors)
    }
}
