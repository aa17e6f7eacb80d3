import ControlProtocol
import Glibc
import Jail
import LinuxSystem
import Logging
import Logs

/// The walls around the process: it goes behind them when it has opened all that it needs, and is whole behind them before
/// the guest's first instruction (docs/security.md).
struct Walls {
    static let diskThreadCount = 2
    /// Sockets, event descriptors and taps of as many containers as a VM can have.
    private static let maxDescriptors = 65_536

    private let confinement: Confinement
    private let prepared: PreparedWalls
    private var filters: [ThreadKind: ThreadFilter] = [:]
    private let ownsCores: Bool
    private let ownKind: ThreadKind
    /// All threads, this one too.
    private let barrier: Barrier

    init(_ arguments: MachineArguments) throws {
        confinement = Confinement(.user(arguments.jail.user), arguments.jail.isReduced ? .reduced : .full)
        ownsCores = arguments.jail.ownsCores
        ownKind =
            switch arguments.purpose {
            case .console: .terminalEvent
            case .containers, .recordWorkingSet: .event
            case .saveTemplate: .savingEvent
            }
        var kinds: [ThreadKind] = [ownKind, .processor, .disk]
        var threads = 1 + arguments.size.virtualCPUs + Self.diskThreadCount
        if arguments.takesContainers {
            kinds += [.files, .network]
            threads += ControlRequest.fileThreads + 1
        }
        barrier = try Barrier(for: threads)
        ProcessMemory.prepare()
        Confinement.forbidMerging()
        try Confinement.watchFilters()
        prepared = try PreparedWalls(kinds)
    }

    /// Goes behind the walls for nothing but to see whether the host has them; a line for each that it has not. Whether
    /// all held.
    static func examine(_ user: UInt32) throws -> Bool {
        let kinds: [ThreadKind] = [
            .processor, .network, .files, .disk, .fileServer, .savingEvent, .terminalEvent, .event,
        ]
        let filters = try kinds.map { try ThreadFilter($0) }
        try Confinement.watchFilters()
        let failures = try Confinement(.user(user), .reduced).enter(maxDescriptors: maxDescriptors)
        for failure in failures { try StandardStream.output.descriptor.write(all: Array("\(failure.finding)\n".utf8)) }
        try filters.last?.install()
        return failures.isEmpty
    }

    /// By the process's only thread.
    mutating func goBehind() throws {
        filters = try prepared.filters()
        if ownsCores {
            do throws(SystemError) { try Confinement.claimCores() } catch {
                guard confinement.strictness == .reduced else { throw error }
                Log.logger.warning("\(error)")
            }
        }
        for failure in try confinement.enter(maxDescriptors: Self.maxDescriptors, through: prepared) {
            Log.logger.warning("\(failure)")
        }
    }

    /// What a thread of a kind does first: it gets its filter, and waits until all have theirs.
    func entrance(_ kind: ThreadKind) -> @Sendable () -> Void {
        let (filter, barrier, isReduced) = (filters[kind], barrier, confinement.strictness == .reduced)
        return {
            do { try filter?.install() } catch {
                report("the \(kind) thread has no filter: \(error)")
                if !isReduced { exit(1) }
            }
            barrier.wait()
        }
    }

    /// The same for the process's first thread, the last to come.
    func close() { entrance(ownKind)() }
}
