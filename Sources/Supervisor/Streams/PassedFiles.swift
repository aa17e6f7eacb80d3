import ControlProtocol
import LinuxSystem

/// The descriptors that came with a request, by what they are for. Those that nobody takes are closed with it.
struct PassedFiles {
    private var byRole: [UInt8: OwnedDescriptor] = [:]
    /// One for each interface of the container, in their order.
    let taps: [OwnedDescriptor]

    /// - Throws: `invalid` where fewer came than the request announces.
    init(_ request: RunRequest, of caller: ControlCaller) throws(Refusal) {
        self.init(request.descriptors, try caller.takeDescriptors(request.descriptorCount))
    }

    /// Streams only: a process that is executed has no log and no exit record of its own.
    ///
    /// - Throws: `invalid` where fewer came than the request announces.
    init(_ request: ExecuteRequest, of caller: ControlCaller) throws(Refusal) {
        let passed = try caller.takeDescriptors(request.descriptors.count)
        self.init(request.descriptors.subtracting([.log, .exitRecord]), passed)
    }

    /// As many as the set announces, in its order; what is left are the taps.
    private init(_ roles: PassedDescriptors, _ passed: [OwnedDescriptor]) {
        var rest = passed[...]
        for bit in 0..<8 where roles.rawValue & 1 << bit != 0 { byRole[1 << bit] = rest.popFirst() }
        taps = Array(rest)
    }

    mutating func take(_ role: PassedDescriptors) -> OwnedDescriptor? { byRole.removeValue(forKey: role.rawValue) }
}
