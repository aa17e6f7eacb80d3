import AgentProtocol
import ControlProtocol
import LinuxSystem

/// The descriptors that came with a request, by what they are for. Those that nobody takes are closed with it.
struct PassedFiles {
    private var byRole: [UInt8: OwnedDescriptor] = [:]
    /// One for each interface of the container, in their order.
    let taps: [OwnedDescriptor]
    /// The log's, but for the first.
    private let furtherLogs: [OwnedDescriptor]
    private let log: RunRequest.Log

    /// - Throws: `invalid` where fewer came than the request announces.
    init(_ request: RunRequest, of caller: ControlCaller) throws(Refusal) {
        self.init(
            request.descriptors, try caller.takeDescriptors(request.descriptorCount),
            tapCount: request.create.specification.interfaces.count, request.log)
    }

    /// Streams only: a process that is executed has no log and no exit record of its own.
    ///
    /// - Throws: `invalid` where fewer came than the request announces.
    init(_ request: ExecuteRequest, of caller: ControlCaller) throws(Refusal) {
        let passed = try caller.takeDescriptors(request.descriptors.count)
        self.init(request.descriptors.subtracting([.log, .exitRecord]), passed, tapCount: 0, RunRequest.Log())
    }

    /// As many as the set announces, in its order; then the taps, and what is left are files of the log.
    private init(
        _ roles: PassedDescriptors, _ passed: [OwnedDescriptor], tapCount: Int, _ log: RunRequest.Log
    ) {
        self.log = log
        var rest = passed[...]
        for bit in 0..<8 where roles.rawValue & 1 << bit != 0 { byRole[1 << bit] = rest.popFirst() }
        taps = Array(rest.prefix(tapCount))
        furtherLogs = Array(rest.dropFirst(tapCount))
    }

    /// The log, which the disk's threads write; nil: there is none.
    mutating func takeLog(_ disk: DiskWork) -> ContainerLog? {
        take(.log).map { ContainerLog([$0] + furtherLogs, maxFileBytes: Int(clamping: log.maxFileBytes), disk) }
    }

    mutating func take(_ role: PassedDescriptors) -> OwnedDescriptor? { byRole.removeValue(forKey: role.rawValue) }
}
