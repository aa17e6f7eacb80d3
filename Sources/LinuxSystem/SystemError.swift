import Glibc
public import SystemPackage

/// A system call that failed: what was tried, on what, and why it did not work.
public struct SystemError: Error, CustomStringConvertible, Equatable {
    public let action: String
    public let errno: Errno

    public init(_ action: String, _ errno: Errno) {
        self.action = action
        self.errno = errno
    }

    public var description: String { "cannot \(action): \(errno)" }

    /// Whether a socket's peer has gone.
    public var isEndOfPeer: Bool { [.brokenPipe, .connectionReset, .connectionRefused].contains(errno) }
}

/// Turns the C door's convention (a negative errno value for a failure) into a value or an error.
@inlinable @discardableResult
public func checked<Result: SignedInteger & FixedWidthInteger>(
    _ result: Result, _ action: @autoclosure () -> String
) throws(SystemError) -> Result {
    guard result >= 0 else { throw SystemError(action(), Errno(rawValue: CInt(-result))) }
    return result
}

/// Turns libc's convention (-1 and errno) into that of the C door.
func negated<Result: SignedInteger & FixedWidthInteger>(_ result: Result) -> Result {
    result < 0 ? -Result(errno) : result
}
