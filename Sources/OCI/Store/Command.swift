import Glibc
import LinuxSystem
import SystemPackage

/// A program that is run to its end.
struct Command {
    /// Found in PATH.
    let program: String
    let arguments: [String]
    /// `NAME=value`, besides a search path and a locale.
    var environment: [String] = []

    struct Outcome {
        /// The exit code, or 128 + the signal that killed it.
        let status: CInt
        /// The end of what it wrote to its standard error.
        let message: String

        var succeeded: Bool { status == 0 }
    }

    private static let maxMessageBytes = 4096

    /// Runs it with an empty standard input, without standard output, and with an environment of its own, so that the
    /// caller's cannot change what it does.
    ///
    /// - Parameters:
    ///   - inherited: a descriptor that it keeps open until it ends.
    ///   - mayGoOn: asked about ten times a second; it is killed at the first no.
    func run(inheriting inherited: OwnedDescriptor, while mayGoOn: () -> Bool) throws(OCIError) -> Outcome {
        guard let path = findProgram(program) else {
            throw .system(SystemError("run \(program)", .noSuchFileOrDirectory))
        }
        return try system { () throws(SystemError) in
            let (child, output) = try start(path, inherited)
            let message = collect(output) {
                // It is this process's child, and not waited for yet: its number is its own.
                mayGoOn() || !sendSignal(SIGKILL, to: child.id)
            }
            return Outcome(status: try child.waitForEnd(), message: message)
        }
    }

    /// The writing end of the pipe is closed when this returns: the child has the only one.
    private func start(
        _ path: String, _ inherited: OwnedDescriptor
    ) throws(SystemError) -> (ChildProcess, output: OwnedDescriptor) {
        let nothing = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
        let (output, input) = try OwnedDescriptor.pipe()
        var launch = ProcessLaunch(
            path, arguments: [program] + arguments,
            environment: ["PATH=\(ImageConfig.defaultPath)", "LC_ALL=C"] + environment, input: nothing, output: nothing,
            error: input)
        launch.kept = [inherited]
        return (try launch.start(), output)
    }

    /// Reads until every writer has closed its end, or a no; keeps the last bytes.
    private func collect(_ output: OwnedDescriptor, while mayGoOn: () -> Bool) -> String {
        var bytes: [UInt8] = []
        while true {
            guard let ready = try? wait(for: [(output, .readable)], timeoutInMilliseconds: 100) else { break }
            guard !ready[0].isEmpty else {
                if mayGoOn() { continue }
                break
            }
            guard let piece = try? output.read(atMost: 4096), !piece.isEmpty else { break }
            bytes = (bytes + piece).suffix(Self.maxMessageBytes)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
