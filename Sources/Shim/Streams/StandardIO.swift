import ControlProtocol
import Glibc
import LinuxSystem
import Runtime
import TTRPC

/// Where containerd wants a process's streams: paths of fifos, `file://` or `binary://` addresses, or nothing.
struct StandardIO: Equatable, Sendable {
    var input = ""
    var output = ""
    var error = ""
    var hasTerminal = false
}

/// The open ends of a process's streams, from when it is made until it has ended.
///
/// A fifo's end goes to the VM itself: what a process prints goes through no hands of the shim, and is not lost with it.
final class OpenStreams: Sendable {
    /// A reading end of each output fifo: a containerd that goes away for a while shall not make writing fail. And a
    /// writing one: the end of a VM is not yet the end of what is read, as the shim may add a message of its own.
    private let kept: [OwnedDescriptor]
    private let input: InputRelay?
    private let outputs: [OutputRelay]

    private init(kept: [OwnedDescriptor], input: InputRelay?, outputs: [OutputRelay]) {
        self.kept = kept
        self.input = input
        self.outputs = outputs
    }

    /// Opens them; the ends for the VM are to be let go of as soon as it has them.
    /// - Throws: `invalidArgument` naming a stream that cannot be opened.
    static func open(_ io: StandardIO, logger: BinaryLogger.Identity) throws -> (OpenStreams, StreamEnds.Far) {
        var builder = Builder(logger: logger)
        if !io.input.isEmpty { try builder.openInput(io.input) }
        if !io.output.isEmpty { try builder.openOutput(io.output, .output) }
        if !io.error.isEmpty, !io.hasTerminal { try builder.openOutput(io.error, .error) }
        try builder.startLogger()
        let far = StreamEnds.Far(passed: builder.passed, descriptors: builder.far)
        return (OpenStreams(kept: builder.kept, input: builder.input, outputs: builder.outputs), far)
    }

    /// Ends the standard input after what is in the fifo now.
    func closeInput() { input?.finish() }

    /// The process has ended: what reads for it ends, what it printed into a file is waited for, `OutputRelay.patience`
    /// at most. No thread waits.
    func end() async {
        input?.finish()
        let deadline = Deadline(inMilliseconds: OutputRelay.patience)
        for output in outputs { await output.waitForEnd(by: deadline) }
    }
}
