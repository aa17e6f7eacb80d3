import ContainerdAPI
import FoundationEssentials
public import LinuxSystem
import NIOCore
public import NIOPosix
import SwiftProtobuf
import Synchronization

/// Serves ttrpc on a listening unix socket. The calls of a connection run at the same time: one may wait for hours.
public final class Server: Sendable {
    typealias Connection = NIOAsyncChannel<CallFrame, CallFrame>

    /// Calls of one connection that may run at a time; a client with more waits for its own.
    static let maxCalls = 1024

    private let services: [any Service]
    /// Called for every connection that begins (+1) and ends (−1).
    private let onConnection: @Sendable (Int) async -> Void

    public init(_ services: [any Service], onConnection: @escaping @Sendable (Int) async -> Void = { _ in }) {
        self.services = services
        self.onConnection = onConnection
    }

    /// Serves until it is cancelled. The descriptor is duplicated; its owner may let go of it.
    public func run(on socket: OwnedDescriptor, group: MultiThreadedEventLoopGroup) async throws {
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(ChannelOptions.backlog, value: 128)
            .childChannelOption(ChannelOptions.autoRead, value: false)
            // A Connection is made by the task that serves it: SwiftNIO aborts where one is dropped, as those are that
            // nobody has come to when the server ends. Their channels end with the event loops.
            .bind(socket.duplicateToGiveAway()) { channel in channel.eventLoop.makeSucceededFuture(channel) }
        try await listener.executeThenClose { channels in
            try await withThrowingDiscardingTaskGroup { group in
                for try await channel in channels { group.addTask { await self.serve(channel) } }
            }
        }
    }

    /// A channel that is not read from yet, made to carry frames instead of bytes.
    private func connection(on channel: any Channel) async throws -> Connection {
        try await channel.eventLoop.submit {
            try channel.passFrames()
            let connection = try Connection(wrappingChannelSynchronously: channel)
            // Reads at once.
            try channel.syncOptions?.setOption(.autoRead, value: true)
            return connection
        }.get()
    }

    private func serve(_ channel: any Channel) async {
        // Also one that is closed already: to connect and go is a sign of a peer too.
        await onConnection(1)
        if let connection = try? await connection(on: channel) {
            await serve(connection, on: channel.eventLoop)
        } else {
            channel.close(promise: nil)
        }
        await onConnection(-1)
    }

    private func serve(_ connection: Connection, on loop: any NIOCore.EventLoop) async {
        // A peer that breaks the protocol or goes away ends its own connection and nothing else.
        try? await connection.executeThenClose { frames, answers in
            try await withThrowingDiscardingTaskGroup { group in
                let calls = CallCounter()
                for try await frame in frames where frame.kind == .request {
                    guard frame.stream % 2 == 1, calls.begin() else { break }
                    group.addTask {
                        defer { calls.end() }
                        let payload = await self.answer(to: frame.payload, on: loop)
                        try await answers.write(CallFrame(stream: frame.stream, kind: .response, payload: payload))
                    }
                }
                group.cancelAll()
            }
        }
    }

    /// The payload of the answer to a request. The loop keeps its time.
    func answer(to payload: [UInt8], on loop: any NIOCore.EventLoop) async -> [UInt8] {
        var response = Ttrpc_Response()
        do {
            let request = try Self.decode(payload)
            guard let service = services.first(where: { $0.names.contains(request.service) }) else {
                throw Status(.unimplemented, "service \(request.service) is not served")
            }
            let timeout = request.timeoutNano > 0 ? request.timeoutNano : nil
            response.payload = Data(
                try await Self.within(timeout, on: loop) { [request] in
                    try await service.call(request.method, payload: Array(request.payload))
                })
        } catch let status as Status {
            response.status = .init(status)
        } catch {
            response.status = .init(Status(.internalError, "\(error)"))
        }
        return (try? Array(response.serializedData())) ?? []
    }

    private static func decode(_ payload: [UInt8]) throws(Status) -> Ttrpc_Request {
        do { return try Ttrpc_Request(serializedBytes: payload) } catch {
            throw Status(.invalidArgument, "the request is no ttrpc request")
        }
    }

    /// Runs a call for at most so many nanoseconds; what is still done then is cancelled and waited for by nobody.
    static func within<Result: Sendable>(
        _ nanoseconds: Int64?, on loop: any NIOCore.EventLoop, _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        guard let nanoseconds else { return try await body() }
        let (outcomes, first) = AsyncThrowingStream.makeStream(of: Result.self, bufferingPolicy: .bufferingOldest(1))
        let work = Task {
            do { first.yield(try await body()) } catch { first.finish(throwing: error) }
        }
        // A Task's sleep that is cancelled keeps its timer, and what that holds, until its time has come.
        let clock = loop.scheduleTask(in: .nanoseconds(nanoseconds)) {
            first.finish(throwing: Status(.deadlineExceeded, "the call took longer than \(nanoseconds / 1_000_000) ms"))
        }
        defer {
            work.cancel()
            clock.cancel()
        }
        for try await outcome in outcomes { return outcome }
        throw CancellationError()
    }
}

/// How many calls of a connection run.
private final class CallCounter: Sendable {
    private let running = Atomic(0)

    /// Whether one more may begin.
    func begin() -> Bool { running.add(1, ordering: .relaxed).newValue <= Server.maxCalls }
    func end() { running.subtract(1, ordering: .relaxed) }
}

extension Channel {
    /// Lets frames pass instead of bytes. On the channel's event loop.
    func passFrames() throws {
        try pipeline.syncOperations.addHandlers([
            ByteToMessageHandler(CallFrameDecoder()), MessageToByteHandler(CallFrameEncoder()),
        ])
    }
}
