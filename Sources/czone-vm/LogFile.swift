import LinuxSystem
import Synchronization

/// Where the VM's log lines go: standard error, which is the terminal of `czone boot`, or the VM's log.
///
/// A line may come from a thread that holds the device lock, and a disk may be slow: once there are threads for that, one
/// of them writes the lines, in their order. Any thread may use it.
final class LogFile: Sendable {
    /// A file that has got so many bytes from here starts again: a guest cannot fill the host's disk.
    private static let maxBytes = 1 << 20
    /// Lines that wait for the disk; what comes beyond is lost, and counted.
    private static let maxWaiting = 256

    private struct State {
        var threads: WorkerThreads?
        var waiting: [[UInt8]] = []
        var lost = 0
    }

    private let state = Mutex(State())
    /// Protected by its lock, which is held while a line is written, and never together with that of `state`.
    private let written = Mutex(0)
    private let output = StandardStream.error.descriptor

    /// From here on lines are written by these threads.
    func hand(to threads: WorkerThreads) { state.withLock { $0.threads = threads } }

    func append(_ line: [UInt8]) {
        let threads: WorkerThreads? = state.withLock { state in
            guard state.waiting.count < Self.maxWaiting else {
                state.lost += 1
                return nil
            }
            state.waiting.append(line)
            guard let threads = state.threads else { return nil }
            // The thread that takes the first line takes those that come meanwhile too.
            return state.waiting.count == 1 ? threads : nil
        }
        if let threads { threads.add { [self] in flush() } } else if !isHanded { flush() }
    }

    /// Writes all that waits.
    func flush() {
        written.withLock { written in
            let (lines, lost) = state.withLock { state in
                defer { (state.waiting, state.lost) = ([], 0) }
                return (state.waiting, state.lost)
            }
            for line in lines { write(line, &written) }
            if lost > 0 { write(Array("czone-vm: \(lost) lines of the log were lost\n".utf8), &written) }
        }
    }

    private var isHanded: Bool { state.withLock { $0.threads != nil } }

    private func write(_ line: [UInt8], _ written: inout Int) {
        if written + line.count > Self.maxBytes {
            // A pipe or a terminal cannot start again, and fills no disk.
            try? output.truncate()
            written = 0
        }
        written += line.count
        try? output.write(all: line)
    }
}
