import Glibc
import LinuxSystem

/// Times programs as a user would: from their start to something that they print, or to their end.
public enum Stopwatch {
    /// What went wrong with a program that was timed.
    public struct Failed: Error, CustomStringConvertible {
        public let description: String
    }

    /// Milliseconds from the program's start until its output has this text; then it is killed.
    public static func milliseconds(
        of program: String, _ arguments: [String], until text: String
    ) throws -> Double {
        let start = MonotonicClock.nanoseconds
        let (output, child) = try launchToRead(program, arguments)
        defer {
            sendSignal(SIGKILL, to: child.id)
            _ = try? child.waitForEnd()
        }
        try read(output, until: text, of: program)
        return Double(MonotonicClock.nanoseconds - start) / 1e6
    }

    /// Reads what a program prints until it has this text in it.
    static func read(_ output: OwnedDescriptor, until text: String, of program: String) throws {
        let wanted = Array(text.utf8)
        var seen: [UInt8] = []
        while !contains(seen, wanted) {
            let bytes = try output.read(atMost: 1 << 16)
            guard !bytes.isEmpty else {
                let last = String(decoding: seen.suffix(300), as: UTF8.self)
                throw Failed(description: "\(program) ended and never printed \"\(text)\": \(last)")
            }
            seen += bytes
        }
    }

    /// Milliseconds from the program's start to its end, which must be a success.
    ///
    /// - Parameters:
    ///   - program: its path.
    ///   - arguments: behind its name.
    ///   - environment: what it has besides this process's surroundings.
    public static func milliseconds(
        of program: String, _ arguments: [String], environment: [String] = []
    ) throws -> Double {
        let nowhere = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
        let start = MonotonicClock.nanoseconds
        let status = try launch(program, arguments, output: nowhere, environment: environment).waitForEnd()
        let elapsed = MonotonicClock.nanoseconds - start
        guard status == 0 else {
            throw Failed(description: "\(program) \(arguments.joined(separator: " ")) ended with status \(status)")
        }
        return Double(elapsed) / 1e6
    }

    /// Milliseconds from the start of several programs at once to the end of each, all successes.
    public static func milliseconds(ofEach commands: [(program: String, arguments: [String])]) throws -> [Double] {
        let nowhere = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
        var running: [(child: ChildProcess, end: OwnedDescriptor, start: UInt64)] = []
        for (program, arguments) in commands {
            let start = MonotonicClock.nanoseconds
            let child = try launch(program, arguments, output: nowhere)
            // A child of ours stays until it is waited for, so it can be watched.
            if let end = try watch(process: child.id) { running.append((child, end, start)) }
        }
        var elapsed: [Double] = []
        while !running.isEmpty {
            let ready = try wait(for: running.map { ($0.end, .readable) })
            let now = MonotonicClock.nanoseconds
            for (index, state) in ready.enumerated().reversed() where !state.isEmpty {
                let one = running.remove(at: index)
                let status = try one.child.waitForEnd()
                guard status == 0 else { throw Failed(description: "one of several ended with status \(status)") }
                elapsed.append(Double(now - one.start) / 1e6)
            }
        }
        return elapsed
    }

    /// What a program prints until its end, which must be a success.
    public static func output(of program: String, _ arguments: [String]) throws -> [UInt8] {
        let (output, child) = try launchToRead(program, arguments)
        let bytes = try output.readToEnd(atMost: 1 << 20)
        let status = try child.waitForEnd()
        guard status == 0 else {
            throw Failed(description: "\(program) \(arguments.joined(separator: " ")) ended with status \(status)")
        }
        return bytes
    }

    /// Starts a program whose output is read: its end of the socket is open nowhere else when this returns.
    static func launchToRead(
        _ program: String, _ arguments: [String]
    ) throws -> (output: OwnedDescriptor, child: ChildProcess) {
        let (mine, programs) = try UnixSocket.pair()
        return (mine, try launch(program, arguments, output: programs))
    }

    /// Starts a program with this process's surroundings; without `input` it has nothing to read.
    static func launch(
        _ program: String, _ arguments: [String], input: OwnedDescriptor? = nil, output: OwnedDescriptor,
        environment added: [String] = []
    ) throws -> ChildProcess {
        guard let path = findProgram(program) else {
            throw Failed(
                description: "\(program) is not installed; `make setup` installs what the benches compare with")
        }
        let environment = ["PATH", "HOME", "CZONE_ROOT", "CZONE_STORE"].compactMap { name in
            CurrentProcess.environment(name).map { "\(name)=\($0)" }
        }
        let input = try input ?? OwnedDescriptor(opening: "/dev/null", flags: O_RDONLY)
        return try ProcessLaunch(
            path, arguments: [program] + arguments, environment: environment + added, input: input, output: output,
            error: StandardStream.error.descriptor
        ).start()
    }

    static func contains(_ bytes: [UInt8], _ wanted: [UInt8]) -> Bool {
        guard bytes.count >= wanted.count else { return false }
        return (0...(bytes.count - wanted.count)).contains { bytes[$0..<($0 + wanted.count)].elementsEqual(wanted) }
    }
}
