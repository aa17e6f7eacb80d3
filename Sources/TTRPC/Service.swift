/// Something that answers calls.
public protocol Service: Sendable {
    /// What calls name it by, such as `containerd.task.v2.Task`.
    var names: [String] { get }
    /// Answers a call. It is cancelled when its time is up or its connection is closed.
    /// - Throws: a `Status`; anything else is answered as an internal error.
    func call(_ method: String, payload: [UInt8]) async throws -> [UInt8]
}
