import LinuxSystem
import Synchronization

/// What the runtime tells of what it does, on standard error.
public enum Log {
    public enum Level: String, CaseIterable, Comparable, Sendable {
        case error, warning, info, debug

        public static func < (one: Level, other: Level) -> Bool { one.number < other.number }
        private var number: Int { Level.allCases.firstIndex(of: self) ?? 0 }
    }

    private static let chosen = Mutex(Level.warning)

    /// What is less important is not told.
    public static var level: Level {
        get { chosen.withLock { $0 } }
        set { chosen.withLock { $0 = newValue } }
    }

    public static func tell(_ level: Level, _ text: @autoclosure () -> String) {
        guard level <= self.level else { return }
        try? StandardStream.error.descriptor.write(all: Array("czone: \(level.rawValue): \(text())\n".utf8))
    }
}
