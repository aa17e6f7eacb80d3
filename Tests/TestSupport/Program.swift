import Glibc
import LinuxSystem
import SystemPackage

/// How a program ended and what it printed.
public struct ProgramResult: Sendable {
    public let status: Int32
    public let output: String
    public let error: String
    /// It was killed because it did not end in time.
    public let timedOut: Bool
}

/// A program that a test runs.
public final class Program {
    private let child: ChildProcess
    private let output: OwnedDescriptor
    private let error: OwnedDescriptor
    private var collected: (output: [UInt8], error: [UInt8]) = ([], [])

    public var processID: Int32 { child.id }

    /// Starts a program by its name in PATH; its standard input is empty.
    public init(_ name: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        guard let path = findProgram(name) else { throw SystemError("find \(name) in PATH", .noSuchFileOrDirectory) }
        var variables = ["PATH": CurrentProcess.environment("PATH") ?? "/usr/bin:/bin", "HOME": "/root"]
        variables.merge(environment) { $1 }
        let (outputRead, outputWrite) = try UnixSocket.pair()
        let (errorRead, errorWrite) = try UnixSocket.pair()
        child = try ProcessLaunch(
            path, arguments: [name] + arguments, environment: variables.map { "\($0)=\($1)" },
            input: try OwnedDescriptor(opening: "/dev/null", flags: O_RDONLY), output: outputWrite, error: errorWrite
        ).start()
        (output, error) = (outputRead, errorRead)
    }

    /// Waits for its end, at most so many seconds; then it is killed.
    public func result(within seconds: Int = 120) throws -> ProgramResult {
        let loop = try EventLoop()
        let timer = try TimerDescriptor()
        timer.arm(inMilliseconds: UInt64(seconds) * 1000)
        // Its handler holds the loop, which holds the handler.
        defer { loop.remove(timer.descriptor) }
        var open = 2
        var timedOut = false
        try loop.add(timer.descriptor, for: .readable) { [child] _ in
            timer.drain()
            timedOut = true
            sendSignal(SIGKILL, to: child.id)
            loop.stop()
        }
        let end: (OwnedDescriptor) -> Void = { descriptor in
            loop.remove(descriptor)
            open -= 1
            if open == 0 { loop.stop() }
        }
        try loop.add(output, for: .readable) { [self] _ in
            let bytes = (try? output.read(atMost: 1 << 16)) ?? []
            if bytes.isEmpty { end(output) } else { collected.output += bytes }
        }
        try loop.add(error, for: .readable) { [self] _ in
            let bytes = (try? error.read(atMost: 1 << 16)) ?? []
            if bytes.isEmpty { end(error) } else { collected.error += bytes }
        }
        try loop.run()
        let status = try child.waitForEnd()
        return ProgramResult(
            status: status, output: String(decoding: collected.output, as: UTF8.self),
            error: String(decoding: collected.error, as: UTF8.self), timedOut: timedOut)
    }
}

/// Runs a program to its end.
public func run(_ name: String, _ arguments: [String], within seconds: Int = 120) throws -> ProgramResult {
    try Program(name, arguments).result(within: seconds)
}
