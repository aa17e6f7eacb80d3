import Glibc
import LinuxSystem
import NIOCore
import NIOPosix
import Runtime
import Synchronization

/// A czone-sandbox that serves a version of a function: a connection for each event loop, which it has no other clients than
/// and ends with. Any thread may use it.
final class SandboxProcess: Sendable {
    let id: Int32
    private let watched: OwnedDescriptor?
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])
    private let hasEnded = Atomic(false)

    /// How long it has to end after its last connection.
    private static let patience = TimeAmount.seconds(10)

    private init(_ child: ChildProcess) {
        id = child.id
        watched = try? watch(process: child.id)
    }

    /// Starts one. Blocks until it runs; its module is loaded by it meanwhile, and events wait for that.
    ///
    /// - Parameters:
    ///   - jail: its walls; nil: it has filters alone.
    ///   - error: gets what it says.
    ///   - onEnd: called once, on an event loop, when a connection has ended.
    static func start(
        _ programs: AccelerationSettings.Programs, module: String, jail: AccelerationSettings.Jail?,
        error: OwnedDescriptor,
        on group: MultiThreadedEventLoopGroup, onEnd: @escaping @Sendable () -> Void
    ) throws -> SandboxProcess {
        let loops = Array(group.makeIterator())
        let pairs = try loops.map { _ in try UnixSocket.pair() }
        var launch = ProcessLaunch(
            programs.sandbox,
            arguments: [
                "czone-sandbox", "--library", programs.wasmtime, "--module", module, "--connections",
                pairs.map { "\($0.1.rawValue)" }.joined(separator: ","),
            ] + words(of: jail),
            environment: ["SWIFT_BACKTRACE=enable=no"],
            input: try OwnedDescriptor(opening: "/dev/null", flags: O_RDONLY),
            output: error, error: error)
        launch.kept = pairs.map(\.1) + (jail.map { [$0.user.descriptor] } ?? [])
        launch.seesNoProcesses = jail != nil
        launch.isDetached = true
        let child = try launch.start()
        let process = SandboxProcess(child)
        try child.reapAtItsEnd()
        for (loop, pair) in zip(loops, pairs) {
            let channel = try ClientBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let handler = FrameHandler { [weak process] _ in process?.noteEnd(onEnd) }
                        try channel.pipeline.syncOperations.addHandler(handler)
                    }
                }
                .withConnectedSocket(try pair.0.duplicateToGiveAway()).wait()
            process.channels.withLock { $0[ObjectIdentifier(loop)] = channel }
        }
        return process
    }

    private static func words(of jail: AccelerationSettings.Jail?) -> [String] {
        guard let jail else { return [] }
        return ["--user", "\(jail.user.number)"] + (jail.isReduced ? ["--jail", "reduced"] : [])
    }

    private func noteEnd(_ onEnd: @Sendable () -> Void) {
        guard hasEnded.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged else { return }
        end(within: .zero)
        onEnd()
    }

    /// Its connection of an event loop, on that.
    func handler(on eventLoop: any NIOCore.EventLoop) -> FrameHandler? {
        guard let channel = channels.withLock({ $0[ObjectIdentifier(eventLoop)] }), channel.isActive else { return nil }
        return FrameHandler.of(channel)
    }

    /// Takes no more events, and ends with those that it has, or when the time is over.
    func end(within limit: TimeAmount) {
        for channel in channels.withLock({ Array($0.values) }) {
            channel.eventLoop.execute { FrameHandler.of(channel)?.drain() }
            channel.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
            // By its descriptor: its number may be another's by then.
            channel.eventLoop.scheduleTask(in: limit + Self.patience) { [watched] in
                if let watched { sendSignal(SIGKILL, to: watched) }
            }
        }
    }
}
