import FoundationEssentials
import Glibc
import LinuxSystem
import OCI
import SystemPackage

/// A hook as a process of the host's.
struct HookRun {
    /// How long one may take that says nothing of a timeout, in seconds.
    static let defaultTimeout = 60
    /// What of its last words is kept, in bytes.
    private static let maxWords = 1024

    let hook: RuntimeSpec.Hook

    /// Runs it to its end.
    ///
    /// - Parameter state: what it reads from its standard input.
    /// - Returns: why it has failed; nil: it has not.
    func failure(state: [UInt8]) -> String? {
        do { return try run(state) } catch { return "it cannot be run: \(error)" }
    }

    private var timeout: Int { hook.timeout.map { min($0, 86_400) } ?? Self.defaultTimeout }

    private func run(_ state: [UInt8]) throws(SystemError) -> String? {
        let input = try MemoryFile.growing(name: "state")
        try input.write(all: state, at: 0)
        let (reader, writer) = try OwnedDescriptor.pipe()
        try reader.setNonBlocking()
        let process = try start(input, writer)
        return try follow(process, reader)
    }

    /// As runc does, a hook that brings no environment has the runtime's.
    private func start(_ input: OwnedDescriptor, _ output: OwnedDescriptor) throws(SystemError) -> ChildProcess {
        let environment = hook.env ?? ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" }
        let arguments = hook.args.flatMap { $0.isEmpty ? nil : $0 } ?? [hook.path]
        var launch = ProcessLaunch(
            hook.path, arguments: arguments, environment: environment, input: input, output: output, error: output)
        launch.isDetached = true
        return try launch.start()
    }

    /// Until the process has ended, whatever it has left behind that still has its output.
    private func follow(_ process: ChildProcess, _ reader: OwnedDescriptor) throws(SystemError) -> String? {
        let deadline = Deadline(inMilliseconds: CInt(timeout * 1000))
        var words: [UInt8] = []
        if let ended = try watch(process: process.id) {
            var interests: [(OwnedDescriptor, Readiness)] = [(ended, .readable), (reader, .readable)]
            while true {
                let ready = try wait(for: interests, timeoutInMilliseconds: deadline.remainingMilliseconds)
                if interests.count > 1, !ready[1].isEmpty, try !take(from: reader, &words) { interests.removeLast() }
                if !ready[0].isEmpty { break }
                if deadline.hasPassed {
                    sendSignal(SIGKILL, to: ended)
                    _ = try process.waitForEnd()
                    return "it has not ended within \(timeout) s"
                }
            }
        }
        let code = try process.waitForEnd()
        while try take(from: reader, &words) {}
        return code == 0 ? nil : "exit status \(code)\(Self.text(words))"
    }

    /// Takes some of its output; false where there is none now, or no more.
    private func take(from reader: OwnedDescriptor, _ words: inout [UInt8]) throws(SystemError) -> Bool {
        let piece: [UInt8]
        do { piece = try reader.read(atMost: 4096) } catch {
            if error.errno == .wouldBlock { return false }
            throw error
        }
        words = (words + piece).suffix(Self.maxWords)
        return !piece.isEmpty
    }

    private static func text(_ words: [UInt8]) -> String {
        let line = String(decoding: words, as: UTF8.self).split(whereSeparator: \.isNewline).last
        return line.map { ": \(printable(String($0)))" } ?? ""
    }
}
