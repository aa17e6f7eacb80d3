/// How long a client waits for a VM, in milliseconds. For a VM that is stopped or stuck nobody waits longer:
/// then the command or call fails with `RuntimeError.silent` (`DeadlineExceeded` in gRPC), and whatever it had begun there
/// ends with its connection.
public struct ControlTimeouts: Sendable {
    /// Until a VM takes a connection, or the next piece of a request.
    public var sending: CInt = 5_000
    /// Until a VM's process says whether it takes a container or its volumes: it asks nobody. A container that is not
    /// answered for is offered to the next VM.
    public var offer: CInt = 20_000
    /// The same for a VM that was just started, whose process maps memory and images first. One that does not come up
    /// is killed.
    public var start: CInt = 60_000
    /// Until an answer that a VM's guest takes part in: longer than the VM's own patience with its guest.
    public var answer: CInt = 120_000
    /// When nothing has come for so long, the VM's process is asked for a sign of life; when none has come for as long
    /// again, the VM is silent, and is waited for no longer.
    public var signOfLife: CInt = 10_000
    /// Until what lists VMs and containers shows a VM as silent.
    public var report: CInt = 10_000
    /// Until a VM that is booted for a template has saved itself; and until another process has made one.
    public var template: CInt = 600_000
    /// Until a registry has sent a template; then it is made here.
    public var pull: CInt = 120_000
    /// Until another process lets go of a function's lock, which it holds while it starts a VM.
    public var lock: CInt = 30_000

    public init() {}

    public static let standard = ControlTimeouts()
}
