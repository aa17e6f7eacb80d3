import LinuxSystem
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing

@testable import Gateway

/// Handlers from the caller to the store: node processes stand for containers, compiler and sandbox are the real ones.
@Suite(.enabled(if: Tools.areThere), .serialized) struct HandlerTests {
    /// A gateway's front with one function, `f`, and a store.
    final class Bench: Sendable {
        let catalog: FunctionCatalog
        let containers: HandlerProcesses
        let store: TestStore
        private let directory: String
        private let threads = NIOThreadPool(numberOfThreads: 1)

        init(_ source: String, _ fields: String = "accelerate: on") async throws {
            let group = MultiThreadedEventLoopGroup.singleton
            directory = "/tmp/czone-handlers-" + RandomBytes.bytes(6).map { String($0, radix: 16) }.joined()
            try FileSystem.makeDirectory(directory)
            try FileSystem.replace("\(directory)/handler.js", with: Array(source.utf8))
            threads.start()
            store = try await TestStore(group)
            containers = HandlerProcesses(group, module: "\(directory)/handler.js")
            let logs = FunctionLogs(directory: directory, group: group, threads: threads)
            var settings = AccelerationSettings(
                group: group, threads: threads, logs: logs, directory: "\(directory)/acceleration")
            settings.programs = Tools.programs
            try settings.prepare()
            catalog = FunctionCatalog(directory: directory, starter: containers, acceleration: settings)
            let definition = """
                name: f
                image: i
                kind: handler
                handler: \(directory)/handler.js
                fetch: ["\(store.origin)"]
                timeout: 120s
                concurrency: 8
                scale: {max: 1, idle: 60s, pause: 0s}
                \(fields)
                """
            try FileSystem.replace("\(directory)/f.yaml", with: Array(definition.utf8))
            catalog.load()
            #expect(catalog.errors == [])
            _ = try await FrontListener.listen(
                at: "\(directory)/socket", group: group,
                router: Router(catalog, AccessLog(nil), OriginClient(reachesHost: true, patienceInSeconds: 60)))
        }

        deinit {
            catalog.close()
            store.close()
        }

        var log: String {
            let bytes = try? FileSystem.contents(of: "\(directory)/f.log", atMost: 1 << 20)
            return String(decoding: bytes ?? [], as: UTF8.self)
        }

        var acceleration: AccelerationSnapshot? { catalog.service("f")?.acceleration?.snapshot }
        var stage: AccelerationState.Stage? { acceleration?.stage }

        /// Head and body of the answer to a POST of JSON; at most 120 s.
        func ask(_ json: String) throws -> (status: Int, mode: String, body: String) {
            let socket = try UnixSocket.connect(to: "\(directory)/socket")
            let head = "POST /f/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: application/json\r\n"
            try socket.send(Array("\(head)Content-Length: \(json.utf8.count)\r\n\r\n\(json)".utf8))
            var received = ""
            let deadline = Deadline(inMilliseconds: 120_000)
            while try socket.isReadable(by: deadline) {
                guard let bytes = try? socket.read(atMost: 65536), !bytes.isEmpty else { break }
                received += String(decoding: bytes, as: UTF8.self)
            }
            let parts = received.split(separator: "\r\n\r\n", maxSplits: 1)
            let lines = (parts.first ?? "").split(separator: "\r\n")
            let status = lines.first.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
            let mode = lines.first { $0.hasPrefix("CZone-Mode: ") }?.dropFirst(12) ?? ""
            return (status, String(mode), parts.count > 1 ? String(parts[1]) : "")
        }

        /// Asks until the sandbox serves.
        func compile(_ json: String) async throws {
            #expect(try ask(json).mode == "container")
            try await waits { stage == .sandbox && acceleration?.process != nil }
        }

        /// Until something is so, at most a minute.
        func waits(until isSo: () -> Bool) async throws {
            for _ in 0..<6000 where !isSo() { try await Task.sleep(for: .milliseconds(10)) }
            #expect(isSo(), "\(log)")
        }
    }

    /// Asks the store `calls` times, one after the other, and comes to what is not compiled before call `abort`.
    private static let sequential = String(
        decoding: (try? FileSystem.contents(
            of: Tools.checkout + "/Tests/Functions/handlers/store.js", atMost: 1 << 16)) ?? [], as: UTF8.self)

    private func event(_ bench: Bench, _ run: String, calls: Int, abort: Int = -1) -> String {
        #"{"store":"\#(bench.store.origin)","run":"\#(run)","calls":\#(calls),"abort":\#(abort)}"#
    }

    @Test func theFirstEventIsAContainersAndLaterOnesAreTheSandboxs() async throws {
        let bench = try await Bench(Self.sequential)
        try await bench.compile(event(bench, "a", calls: 1))
        let answer = try bench.ask(event(bench, "b", calls: 2))
        #expect(answer.status == 200 && answer.mode == "sandbox")
        #expect(answer.body == #"{"path":"/","results":["stored /b/0","stored /b/1"]}"#)
        #expect(bench.store.paths == ["/a/0", "/b/0", "/b/1"])
        #expect(bench.acceleration?.report?.unsupported.first?.line == 2)
        #expect(bench.containers.started.load(ordering: .relaxed) == 1)
        let json = String(decoding: bench.catalog.service("f")?.json ?? [], as: UTF8.self)
        #expect(
            json.contains(#""state":"sandbox""#) && json.contains(#""events":{"sandbox":1,"container":1,"replayed":0}"#)
        )
    }

    @Test func anAbortAtEachCallMakesNoCallTwice() async throws {
        let bench = try await Bench(Self.sequential)
        try await bench.compile(event(bench, "a", calls: 1))
        for abort in 0...6 {
            bench.store.forget()
            let answer = try bench.ask(event(bench, "r\(abort)", calls: 6, abort: abort))
            #expect(answer.status == 200 && answer.mode == (abort == 0 ? "container" : "replayed"))
            #expect(bench.store.paths == (0..<6).map { "/r\(abort)/\($0)" }, "\(bench.log)")
            // What the sandbox's clock and random numbers gave is in the bodies: the container has asked the same.
            #expect(!bench.log.contains("where the sandbox has asked"))
        }
        #expect(bench.acceleration?.totals.aborts.map(\.key.place).first?.contains("handler.js:2:") == true)
    }

    @Test func callsAtOnceAreReplayedInTheirOrder() async throws {
        let bench = try await Bench(
            """
            exports.handle = async (context, data) => {
              const ask = async (i) => {
                const first = await (await fetch(data.store + '/' + data.run + '/' + i, { method: 'POST', body: 'f' })).text();
                return (await fetch(data.store + '/' + data.run + '/' + i + '/' + Math.random(), { method: 'POST', body: first })).text();
              };
              const all = await Promise.all([0, 1, 2, 3].map(ask));
              return { all: data.odd ? all.map((text) => text.match(/[^/]*$/)[0]) : all.length };
            };
            """)
        try await bench.compile(event(bench, "a", calls: 0))
        bench.store.forget()
        let json = #"{"store":"\#(bench.store.origin)","run":"b","odd":true}"#
        let answer = try bench.ask(json)
        #expect(answer.status == 200 && answer.mode == "replayed", "\(answer) \(bench.log)")
        #expect(bench.store.paths.count == 8 && Set(bench.store.paths).count == 8, "\(bench.store.paths)")
    }

    @Test func anEventWhoseSandboxIsKilledGoesOnInAContainerWithoutACallTwice() async throws {
        let bench = try await Bench(Self.sequential)
        try await bench.compile(event(bench, "a", calls: 1))
        // Held: the sandbox waits for the answer as it is killed. Its clock's readings go with it, so these calls have none.
        bench.store.hold("/b/1")
        let held = Task.detached { [bench] in
            try bench.ask(#"{"store":"\#(bench.store.origin)","run":"b","calls":3,"abort":-1,"plain":true}"#)
        }
        try await bench.waits { bench.store.paths.contains("/b/1") }
        let process = try #require(bench.acceleration?.process)
        sendSignal(9, to: process)
        try await bench.waits { bench.acceleration?.process == nil }
        bench.store.release()
        let result = try await held.value
        #expect(result.status == 200 && result.mode == "replayed", "\(result) \(bench.log)")
        #expect(bench.store.paths == ["/a/0", "/b/0", "/b/1", "/b/2"])
        // It is started again, and serves.
        try await bench.waits {
            bench.catalog.tick()
            return bench.acceleration?.process != nil
        }
        #expect(try bench.ask(event(bench, "c", calls: 1)).mode == "sandbox")
    }

    @Test func logsOfTheSandboxAreTheFunctions() async throws {
        let bench = try await Bench(
            "exports.handler = async (event) => { console.log('saw', event.n); return event.n; };")
        try await bench.compile(#"{"n":1}"#)
        let answer = try bench.ask(#"{"n":2}"#)
        #expect(answer.mode == "sandbox" && answer.body == "2")
        try await bench.waits { bench.log.contains("stdout sandbox saw 2\n") }
    }

    @Test func anExceptionIsTheContainersAndAnswered500() async throws {
        let bench = try await Bench(
            "module.exports = (context, data) => { if (data.n > 1) throw new Error('no'); return 'ok'; };")
        try await bench.compile(#"{"n":1}"#)
        let answer = try bench.ask(#"{"n":2}"#)
        #expect(answer.status == 500 && answer.mode == "container" && answer.body.contains("exception"))
        #expect(try bench.ask(#"{"n":0}"#).mode == "sandbox")
    }

    @Test func whatIsObservedIsServedByContainers() async throws {
        let bench = try await Bench(Self.sequential, "accelerate: observe")
        #expect(try bench.ask(event(bench, "a", calls: 0)).mode == "container")
        try await bench.waits { bench.stage == .compiled }
        #expect(try bench.ask(event(bench, "a", calls: 1)).mode == "container")
        #expect(bench.acceleration?.report?.unsupported.isEmpty == false && bench.acceleration?.process == nil)
    }

    @Test func whatCannotBeCompiledIsSaidAndServed() async throws {
        let bench = try await Bench("let n = Date.now();\nexports.handle = () => 'at ' + (n > 0);")
        #expect(try bench.ask("{}").body == "at true")
        try await bench.waits { if case .off = bench.stage { true } else { false } }
        guard case .off(let reason)? = bench.stage else { return }
        #expect(reason.contains("top level"))
        #expect(try bench.ask("{}").mode == "container")
    }

    @Test func whatTheSandboxHasDoneIsComparedWithAContainerAndNotDoneTwice() async throws {
        let bench = try await Bench(Self.sequential, "accelerate: on\nverify: 1")
        try await bench.compile(event(bench, "a", calls: 1))
        bench.store.forget()
        #expect(try bench.ask(event(bench, "b", calls: 3)).mode == "sandbox")
        try await bench.waits { bench.acceleration?.totals.verified == 1 }
        #expect(bench.acceleration?.totals.differences == 0, "\(bench.log)")
        #expect(bench.store.paths == ["/b/0", "/b/1", "/b/2"])
    }

    @Test func aDifferenceIsSeen() async throws {
        // node keeps what an event leaves behind, and the sandbox gives such an event up.
        let bench = try await Bench(
            """
            let seen = 0;
            exports.handle = (context, data) => { if (data.write) seen++; return seen; };
            """, "accelerate: on\nverify: 1")
        try await bench.compile(#"{"write":false}"#)
        #expect(try bench.ask(#"{"write":true}"#).mode == "container")
        let answer = try bench.ask(#"{"write":false}"#)
        #expect(answer.mode == "sandbox" && answer.body == "0")
        try await bench.waits { bench.acceleration?.totals.differences == 1 }
        try await bench.waits { bench.log.contains("compiled code differs: 0 in the sandbox, 1 in a container") }
    }

    @Test func manyAbortsLeadBackToContainers() async throws {
        let bench = try await Bench(Self.sequential)
        try await bench.compile(event(bench, "a", calls: 0))
        for _ in 0..<11 { #expect(try bench.ask(event(bench, "b", calls: 0, abort: 0)).mode == "container") }
        guard case .waiting? = bench.stage else {
            Issue.record("\(String(describing: bench.stage))")
            return
        }
        #expect(try bench.ask(event(bench, "c", calls: 1)).mode == "container")
    }

    @Test func otherOriginsAreNotAsked() async throws {
        let bench = try await Bench(Self.sequential)
        try await bench.compile(event(bench, "a", calls: 1))
        let other = #"{"store":"http://other.example","run":"x","calls":1,"abort":-1}"#
        let answer = try bench.ask(other)
        #expect(answer.status == 500 && answer.mode == "replayed")
        try await bench.waits { bench.log.contains("does not name its origin") }
        #expect(bench.store.paths == ["/a/0"])
    }
}

/// A store that logs each request's path, and can hold an answer back.
final class TestStore: Sendable {
    private let channel: any Channel
    private let accepted: TestStoreLog

    init(_ group: MultiThreadedEventLoopGroup) async throws {
        let log = TestStoreLog()
        accepted = log
        channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                    try channel.pipeline.syncOperations.addHandler(StoreHandler(log))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var origin: String { "http://localhost:\(channel.localAddress?.port ?? 0)" }
    var paths: [String] { accepted.state.withLock { $0.paths } }
    func forget() { accepted.state.withLock { $0.paths = [] } }
    func hold(_ path: String) { accepted.state.withLock { $0.held = path } }

    func release() {
        let waiting = accepted.state.withLock { state in
            state.held = nil
            defer { state.waiting = [] }
            return state.waiting
        }
        for promise in waiting { promise.succeed() }
    }

    func close() { channel.close(promise: nil) }
}

final class TestStoreLog: Sendable {
    struct State {
        var paths: [String] = []
        var held: String?
        var waiting: [EventLoopPromise<Void>] = []
    }

    let state = Mutex(State())
}

private final class StoreHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let log: TestStoreLog
    private var path = ""

    init(_ log: TestStoreLog) { self.log = log }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): path = head.uri
        case .body: break
        case .end:
            let ready = context.eventLoop.makePromise(of: Void.self)
            let isHeld = log.state.withLock { state in
                state.paths.append(path)
                guard state.held == path else { return false }
                state.waiting.append(ready)
                return true
            }
            if !isHeld { ready.succeed() }
            let text = "stored \(path)"
            ready.futureResult.assumeIsolated().whenSuccess { [self] in
                let headers = HTTPHeaders([("Content-Length", "\(text.utf8.count)"), ("X-Kind", "store")])
                let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: headers)
                context.write(wrapOutboundOut(.head(head)), promise: nil)
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            }
        }
    }
}
