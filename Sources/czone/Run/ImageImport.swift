import LinuxSystem
import OCI
import Runtime

/// Finds an image, and shows how its import goes where it must be imported first.
enum ImageImport {
    static func resolve(_ reference: String, in store: ImageStore) throws -> StoredImage {
        let bar = ProgressBar()
        defer { bar.clear() }
        return try store.resolve(ImageReference(reference)) { bar.show($0) }
    }
}

/// One line on a terminal's standard error that is drawn over again; nothing where that is no terminal.
final class ProgressBar {
    private static let maxCells = 32
    private static let intervalInNanoseconds: UInt64 = 50_000_000

    private let terminal = Terminal(StandardStream.error.descriptor)
    private var drawnAt: UInt64 = 0
    private var isDrawn = false

    func show(_ progress: ImportProgress) {
        guard let terminal else { return }
        let now = currentTimeInNanoseconds()
        guard now > drawnAt + Self.intervalInNanoseconds else { return }
        drawnAt = now
        isDrawn = true
        let width = Int(terminal.size?.columns ?? 80)
        print(String(Self.line(progress).prefix(max(1, width - 1))))
    }

    func clear() {
        guard isDrawn else { return }
        print("")
        isDrawn = false
    }

    static func line(_ progress: ImportProgress) -> String {
        let title = "\(progress.phase.rawValue) the image"
        guard progress.bytesTotal > 0 else { return "\(title) … \(ByteSize(bytes: progress.bytesDone))" }
        let share = min(1, Double(progress.bytesDone) / Double(progress.bytesTotal))
        let full = Int(share * Double(maxCells))
        let cells = String(repeating: "█", count: full) + String(repeating: "░", count: maxCells - full)
        return "\(title) \(cells) \(Int(share * 100)) % of \(ByteSize(bytes: progress.bytesTotal))"
    }

    private func print(_ text: String) {
        // Back to the line's beginning, text, erase what is right of it (ECMA-48 EL).
        try? StandardStream.error.descriptor.write(all: Array("\r\(text)\u{1B}[K".utf8))
    }
}
