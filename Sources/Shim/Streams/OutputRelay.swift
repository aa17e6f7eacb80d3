import LinuxSystem
import Synchronization

/// Takes what comes out of a pipe into a file, which no event loop can wait for.
final class OutputRelay: Sendable {
    private static let mostAtOnce = 64 << 10

    private let thread: Mutex<LinuxSystem.Thread?>

    init(from pipe: OwnedDescriptor, to file: OwnedDescriptor) throws {
        let thread = try LinuxSystem.Thread(named: "output") {
            while let piece = try? pipe.read(atMost: Self.mostAtOnce), !piece.isEmpty {
                // A full disk is no reason to stop the container: what cannot be written is lost.
                try? file.write(all: piece)
            }
        }
        self.thread = Mutex(thread)
    }

    /// Waits until everything is written.
    func waitForEnd() { thread.withLock { $0.take() }?.join() }
}
