import LinuxSystem

/// Takes what comes out of a pipe into a file, which no event loop can wait for.
final class OutputRelay: Sendable {
    private static let maxPiece = 64 << 10
    /// How long an ended process's output is waited for, in milliseconds. It comes to its end when the VM lets go of it,
    /// which one that is stopped does not; what comes later is written all the same.
    static let patience: CInt = 10_000

    /// Readable when everything is written.
    private let finished: EventDescriptor

    init(from pipe: OwnedDescriptor, to file: OwnedDescriptor) throws {
        let finished = try EventDescriptor()
        self.finished = finished
        _ = try LinuxSystem.Thread(named: "output") {
            while let piece = try? pipe.read(atMost: Self.maxPiece), !piece.isEmpty {
                // A full disk is no reason to stop the container: what cannot be written is lost.
                try? file.write(all: piece)
            }
            finished.signal()
        }
    }

    func waitForEnd(by deadline: Deadline) async {
        _ = await DescriptorReadiness.wait(for: finished.descriptor, by: deadline)
    }
}
