import CLinux
public import LinuxSystem
import Synchronization
import SystemPackage

/// What takes longest of the walls, made by a thread of its own while the process does something else: namespaces, an empty
/// root, and the filters of these kinds of threads.
public final class PreparedWalls: Sendable {
    /// What the thread has made.
    private struct Made {
        var walls: [OwnedDescriptor] = []
        var wallFailure: SystemError?
        var filters: [ThreadKind: ThreadFilter] = [:]
        var filterFailure: SystemError?
    }

    /// Written by the thread, read when it was joined.
    private final class Outcome: Sendable {
        let made = Mutex(Made())
    }

    private let outcome = Outcome()
    private let thread: Mutex<LinuxSystem.Thread?>

    /// Begins. `Confinement.watchFilters` comes before.
    public init(_ kinds: [ThreadKind]) throws(SystemError) {
        let outcome = outcome
        thread = Mutex(
            try Thread(named: "walls") {
                var made = Made()
                do throws(SystemError) { made.walls = try Self.walls() } catch { made.wallFailure = error }
                do throws(SystemError) {
                    for kind in kinds { made.filters[kind] = try ThreadFilter(kind) }
                } catch { made.filterFailure = error }
                outcome.made.withLock { $0 = made }
            })
    }

    private static func walls() throws(SystemError) -> [OwnedDescriptor] {
        var numbers = [CInt](repeating: -1, count: Int(CLINUX_WALLS))
        // SAFETY: the array has as many elements as the call writes.
        let result = unsafe clinux_prepare_walls(&numbers)
        let walls = numbers.filter { $0 >= 0 }.map { OwnedDescriptor(taking: $0) }
        try checked(result, "make namespaces and a root of its own")
        return walls
    }

    private func finish() {
        let running = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        running?.join()
    }

    /// The filters, once they are there.
    public func filters() throws(SystemError) -> [ThreadKind: ThreadFilter] {
        finish()
        let (filters, failure) = outcome.made.withLock { ($0.filters, $0.filterFailure) }
        if let failure { throw failure }
        return filters
    }

    /// Lets this thread, the process's only one from then on, into the namespaces and root.
    func enter() throws(SystemError) {
        finish()
        let (walls, failure) = outcome.made.withLock { made in
            defer { made.walls = [] }
            return (made.walls, made.wallFailure)
        }
        if let failure { throw failure }
        // SAFETY: without a failure there are as many as the call reads.
        try checked(unsafe clinux_enter_walls(walls.map(\.rawValue)), "enter namespaces and a root of its own")
        withExtendedLifetime(walls) {}
    }
}
