import CLinux

// SAFETY: the C calls of this file without a reason of their own borrow a string, an array with its count or a local
// variable, and only for the call.

/// Signals as readable events (signalfd(2)) instead of interruptions.
public final class SignalDescriptor: Sendable {
    public let descriptor: OwnedDescriptor

    /// Blocks the signals in this thread, and in those that it starts from now on, and takes them here.
    public init(_ signals: [CInt]) throws(SystemError) {
        let raw = unsafe clinux_signal_descriptor(signals, signals.count)
        descriptor = OwnedDescriptor(taking: try checked(raw, "make a signal descriptor"))
    }

    /// The next signal that has arrived, or nil.
    public func next() -> CInt? {
        let signal = clinux_next_signal(descriptor.rawValue)
        return signal > 0 ? signal : nil
    }
}
