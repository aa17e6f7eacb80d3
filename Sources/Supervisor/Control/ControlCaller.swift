import ControlProtocol
import LinuxSystem

/// A client's request, and where its answers go. A client that has gone gets none.
struct ControlCaller {
    private(set) weak var session: ControlSession?
    let request: UInt32

    func reply(_ reply: ControlReply) { session?.reply(reply, to: request) }

    /// Passes the agent's answer on.
    func answer<Reply>(_ result: Result<Reply, AgentFailure>, _ form: (Reply) -> ControlReply) {
        switch result {
        case .success(let value): reply(form(value))
        case .failure(let failure): reply(.refused(failure.refusal))
        }
    }

    /// The descriptors that came with the request, as many as it says.
    ///
    /// - Throws: `invalid` where they are not there.
    func takeDescriptors(_ count: Int) throws(Refusal) -> [OwnedDescriptor] {
        guard let descriptors = session?.takeDescriptors(count) else {
            throw Refusal(.invalid, "\(count) descriptors were announced and did not come")
        }
        return descriptors
    }
}
