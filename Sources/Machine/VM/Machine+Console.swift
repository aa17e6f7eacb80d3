/// The host's side of the serial console. All with the device lock held.
extension Machine {
    /// How many bytes of input the console takes now.
    public var consoleInputRoom: Int { serial?.inputRoom ?? 0 }

    /// Types on the console; what exceeds `consoleInputRoom` is lost, as on a real line.
    public func typeOnConsole(_ bytes: [UInt8]) { _ = serial?.enqueue(bytes) }

    /// Calls `handler` when the guest has read all that was typed.
    public func onConsoleInputDrained(_ handler: @escaping () -> Void) { serial?.onInputDrained = handler }
}
