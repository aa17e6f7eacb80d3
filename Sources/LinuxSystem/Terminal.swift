import CLinux
import Glibc
import SystemPackage

// SAFETY: the C calls of this file without a reason of their own borrow a string, an array with its count or a local
// variable, and only for the call.

/// A terminal that a descriptor leads to.
public struct Terminal: Sendable {
    private let descriptor: OwnedDescriptor

    /// Nil where the descriptor is no terminal.
    public init?(_ descriptor: OwnedDescriptor) {
        guard isatty(descriptor.rawValue) == 1 else { return nil }
        self.descriptor = descriptor
    }

    /// In characters; nil where the terminal does not know.
    public var size: (rows: UInt16, columns: UInt16)? {
        var (rows, columns): (UInt16, UInt16) = (0, 0)
        guard unsafe clinux_terminal_size(descriptor.rawValue, &rows, &columns) == 0, rows > 0, columns > 0 else {
            return nil
        }
        return (rows, columns)
    }

    /// How a terminal treats what is typed and printed.
    public struct Settings: Sendable {
        fileprivate let attributes: termios
    }

    public func settings() throws(SystemError) -> Settings {
        var attributes = termios()
        try unsafe checked(negated(tcgetattr(descriptor.rawValue, &attributes)), "read the terminal's settings")
        return Settings(attributes: attributes)
    }

    /// Every key reaches the program, nothing is echoed, nothing is changed (cfmakeraw(3)).
    public func makeRaw() throws(SystemError) {
        var attributes = try settings().attributes
        unsafe cfmakeraw(&attributes)
        try unsafe checked(negated(tcsetattr(descriptor.rawValue, TCSADRAIN, &attributes)), "make the terminal raw")
    }

    /// Brings settings back. Nothing can be done where that fails.
    public func restore(_ settings: Settings) {
        var attributes = settings.attributes
        _ = unsafe tcsetattr(descriptor.rawValue, TCSADRAIN, &attributes)
    }
}
