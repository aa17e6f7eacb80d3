import Glibc
import LinuxSystem
import NIOPosix
import Runtime
import TTRPC
import Logging
import Logs

/// The process that serves a group's containers, from the first `start` until nobody has needed it for a while.
struct Daemon: Sendable {
    /// How long it lives on without containers and connections: long enough for containerd to connect after `start`.
    private static let idleInMilliseconds = 5_000

    private let invocation: Invocation
    private let host: ShimDirectories

    init(_ invocation: Invocation, host: ShimDirectories) throws {
        self.invocation = invocation
        self.host = host
    }

    func run() async throws {
        if invocation.isDebugging { Log.choices.level = .debug }
        // A reader that has gone is an error of that write, not the end of every container.
        signal(SIGPIPE, SIG_IGN)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let publisher = EventPublisher(
            address: CurrentProcess.environment("TTRPC_ADDRESS").flatMap { $0.isEmpty ? nil : $0 },
            namespace: invocation.namespace, group: group)
        let service = TaskService(
            hosting: try Hosting(namespace: invocation.namespace, directories: host, group: group), publisher: publisher
        )
        let connections = ConnectionCount()
        let server = Server([service]) { await connections.change(by: $0) }
        let socket = OwnedDescriptor(taking: invocation.socketDescriptor)
        let shimGroup = ShimGroup(name: invocation.group, root: host.root)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await server.run(on: socket, group: group) }
            tasks.addTask { await publisher.run() }
            tasks.addTask { try await Self.waitUntilIdle(service, connections, shimGroup) }
            // None of them ends by itself, but for what leaves the daemon of no use.
            defer { shimGroup.removeSocket() }
            try await tasks.next()
            throw RuntimeError.invalid("the shim serves no longer")
        }
    }

    /// Returns when nothing was served for the whole time and the group's lock was free: nobody is just starting.
    private static func waitUntilIdle(_ service: TaskService, _ connections: ConnectionCount, _ group: ShimGroup)
        async throws
    {
        while true {
            let (before, lastStart) = (await connections.total, try? group.lastStart)
            try await Task.sleep(for: .milliseconds(idleInMilliseconds))
            guard await service.isIdle, await connections.isUnchanged(since: before) else { continue }
            guard let lock = try group.tryLock() else { continue }
            // Since the lock is held nobody finds the daemon and relies on it; a start before that is counted
            // (`lastStart`). What cannot be read now is read the next time: containers do not end for it.
            guard await service.isIdle, await connections.isUnchanged(since: before), let lastStart,
                (try? group.lastStart) == lastStart
            else { continue }
            group.removeSocket()
            withExtendedLifetime(lock) {}
            exit(0)
        }
    }
}

/// How many connections there are, and have been.
actor ConnectionCount {
    private(set) var open = 0
    private(set) var total = 0

    func change(by count: Int) {
        open += count
        if count > 0 { total += count }
    }

    func isUnchanged(since total: Int) -> Bool { open == 0 && self.total == total }
}
