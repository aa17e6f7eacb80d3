// The gateway: a node's one listener for functions.
//
//     callers ── Front: HTTP ─▶ Router ─▶ an exchange a request ─▶ Functions: FunctionService ─ Dispatcher, Autoscaler
//                                             │                          │ a container with room
//                                             └── Back ── relay ──▶ Containers: FunctionContainer ◀─ ContainerStarter ─▶ Runtime
//                                                                        └ Lambda: the Runtime API inside it
//                              Handlers: an event, frames, external calls  ◀─▶ its host program, or Acceleration: a sandbox
//     root ── Administration: a Unix socket                          Accounts: counters, access log, functions' logs
//
// An event loop a core; nothing there waits. What waits for files and locks is the starter's threads'. A request is on its
// caller's event loop from its head to the end of its answer, and so is its connection to the container: between them
// bytes are handed on without a lock, and neither is read while the other is slow. What is shared are function services
// (a lock each), never held while anything else is called.

import Events
import Glibc
import LinuxSystem
import Logging
import Logs
import NIOCore
import NIOPosix
import Runtime
import Synchronization
import SystemPackage

/// Serves functions until it receives SIGTERM or SIGINT.
public final class Gateway: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let threads: NIOThreadPool
    private let catalog: FunctionCatalog
    private let options: GatewayOptions
    private let listeners = Mutex<[any Channel]>([])
    private let access: AccessLog
    private let administration: AdministrationRouter
    private let client = OriginClient()
    private let compilers = NIOThreadPool(numberOfThreads: 1)
    private let socketPath: String
    /// Held as long as the process lives: there is one gateway for a registry.
    private let lock: OwnedDescriptor

    /// How often the autoscaler decides.
    private static let tick = TimeAmount.seconds(1)
    /// How often files are looked at.
    private static let scan = TimeAmount.seconds(2)

    public init(_ options: GatewayOptions) throws {
        self.options = options
        group = MultiThreadedEventLoopGroup(numberOfThreads: CurrentProcess.processorCount)
        let threads = NIOThreadPool(numberOfThreads: 1)
        threads.start()
        self.threads = threads
        let root = HostDirectories.root(options.root)
        socketPath = options.socket ?? "\(root)/gateway.sock"
        try FileSystem.makeDirectories(.init(root))
        lock = try OwnedDescriptor(opening: "\(root)/gateway.lock", flags: O_RDWR | O_CREAT)
        guard try lock.tryLock(.exclusive) else { throw StartError("another gateway serves functions of \(root)") }
        for directory in [options.functions, options.logs] {
            try FileSystem.makeDirectories(.init(directory), mode: 0o755)
        }
        let logs = FunctionLogs(directory: options.logs, group: group, threads: threads)
        let registry = try Registry(root: .init(root))
        let starter = ContainerStarter(
            registry: registry,
            images: try HostDirectories.images(of: .init(HostDirectories.store(options.store))), group: group,
            logs: logs, isAlone: options.isAlone)
        compilers.start()
        var acceleration = AccelerationSettings(
            group: group, threads: compilers, logs: logs, directory: "\(root)/acceleration")
        acceleration.jail = { try AccelerationSettings.Jail.lease(of: registry) }
        try acceleration.prepare()
        catalog = FunctionCatalog(directory: options.functions, starter: starter, acceleration: acceleration)
        let access = options.accessLog.map { RotatedFile($0, maxBytes: 64 << 20, on: threads) }
        self.access = AccessLog(access)
        administration = AdministrationRouter(
            catalog, logs, Router(catalog, self.access, client), threads: threads)
    }

    /// Serves until the process gets SIGTERM or SIGINT.
    public func run() async throws {
        try await start()
        try await TerminationSignal.wait()
        await stop()
    }

    func start() async throws {
        catalog.load()
        var traits = ListenerTraits()
        traits.tokens = try options.tokens()
        traits.secure = try options.secureContext()
        let callers = Router(catalog, access, client, traits)
        for listen in options.listen {
            try options.check(listen, hasTokens: traits.tokens != nil)
            let channel = try await FrontListener.listen(
                on: try SocketAddress(ipAddress: listen.host, port: listen.port), group: group, router: callers,
                secure: traits.secure, limit: ConnectionLimit(options.maxConnections))
            listeners.withLock { $0.append(channel) }
            Log.logger.notice("listening on \(channel.localAddress.map { "\($0)" } ?? "\(listen.host)")")
        }
        let socket = try await FrontListener.listen(at: socketPath, group: group, router: administration)
        listeners.withLock { $0.append(socket) }
        let (catalog, threads) = (catalog, threads)
        group.next().scheduleRepeatedTask(initialDelay: Self.tick, delay: Self.tick) { _ in catalog.tick() }
        group.next().scheduleRepeatedTask(initialDelay: Self.scan, delay: Self.scan) { _ in
            threads.submit { _ in catalog.load() }
        }
    }

    /// Ends all containers, and the listeners.
    func stop() async {
        for listener in listeners.withLock({ $0 }) { try? await listener.close().get() }
        catalog.close()
        client.close()
        try? await compilers.shutdownGracefully()
        try? await threads.shutdownGracefully()
        try? await group.shutdownGracefully()
    }
}
