import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// A program that is run to its end.
struct Command {
    let program: String
    let arguments: [String]
    /// `NAME=value`, besides a search path and a locale.
    var environment: [String] = []

    struct Outcome {
        /// As wait(2) reports it.
        let status: CInt
        /// The end of what it wrote to its standard error.
        let message: String

        var succeeded: Bool { status == 0 }
    }

    private static let mostMessageBytes = 4096

    /// Runs it with an empty standard input, without standard output, and with an environment of its own, so that the
    /// caller's cannot change what it does.
    ///
    /// - Parameters:
    ///   - inherited: a descriptor that it keeps open until it ends.
    ///   - onWait: called about ten times a second.
    func run(inheriting inherited: OwnedDescriptor, onWait: () -> Void) throws(OCIError) -> Outcome {
        var ends: [CInt] = [-1, -1]
        // SAFETY: the two elements that the array has are filled.
        let made = unsafe clinux_make_pipe(&ends)
        guard made >= 0 else { throw failure("make a pipe", -made) }
        let (output, input) = (OwnedDescriptor(taking: ends[0]), OwnedDescriptor(taking: ends[1]))
        let child = try spawn(standardError: input, inherited)
        _ = consume input
        let message = collect(output, onWait)
        var status: CInt = 0
        // SAFETY: waitpid(2) fills a local of its own type.
        while unsafe waitpid(child, &status, 0) < 0 {
            guard errno == EINTR else { throw failure("wait for \(program)", errno) }
        }
        return Outcome(status: status, message: message)
    }

    private func spawn(standardError: OwnedDescriptor, _ inherited: OwnedDescriptor) throws(OCIError) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        // SAFETY: both are locals, initialised here and destroyed before they go away.
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawnattr_init(&attributes)
        defer {
            unsafe posix_spawn_file_actions_destroy(&actions)
            unsafe posix_spawnattr_destroy(&attributes)
        }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, standardError.rawValue, 2)
        unsafe posix_spawn_file_actions_adddup2(&actions, inherited.rawValue, 3)
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

        let environment = ["PATH=\(ImageConfig.defaultPath)", "LC_ALL=C"] + self.environment
        // SAFETY: strdup(3) gives each text, NUL-terminated; the lists end with nil; all are freed below.
        var argumentList = unsafe ([program] + arguments).map { unsafe strdup($0) } + [nil]
        var environmentList = unsafe environment.map { unsafe strdup($0) } + [nil]
        defer { unsafe (argumentList + environmentList).forEach { unsafe free($0) } }
        var child: pid_t = 0
        let result = unsafe posix_spawnp(&child, program, &actions, &attributes, &argumentList, &environmentList)
        guard result == 0 else { throw failure("run \(program)", result) }
        return child
    }

    /// Reads until every writer has closed its end; keeps the last bytes.
    private func collect(_ output: OwnedDescriptor, _ onWait: () -> Void) -> String {
        var bytes: [UInt8] = []
        while true {
            var waiting = pollfd(fd: output.rawValue, events: Int16(POLLIN), revents: 0)
            // SAFETY: poll(2) gets one element, which the local is.
            let ready = unsafe poll(&waiting, 1, 100)
            if ready == 0 || (ready < 0 && errno == EINTR) {
                onWait()
                continue
            }
            guard let piece = try? output.read(atMost: 4096), !piece.isEmpty else { break }
            bytes = (bytes + piece).suffix(Self.mostMessageBytes)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func failure(_ action: String, _ number: CInt) -> OCIError {
        .system(SystemError(action, Errno(rawValue: number)))
    }
}
