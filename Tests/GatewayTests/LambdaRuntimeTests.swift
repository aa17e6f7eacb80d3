import AgentProtocol
import Events
import LinuxSystem
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Gateway

/// Lambda's Runtime API as a runtime in a container speaks it, byte by byte.
@Suite struct LambdaRuntimeTests {
    /// Keeps the container's ends of the streams that wait for it.
    final class WaitingLink: ContainerLink {
        let group = MultiThreadedEventLoopGroup.singleton
        let waiting = Mutex<[OwnedDescriptor]>([])

        func setPaused(_ isPaused: Bool, of container: String) -> EventLoopFuture<Void> {
            group.next().makeSucceededVoidFuture()
        }

        func relay(
            port: UInt16, opening: RelayConnection.Opening, of container: String, withinMilliseconds limit: UInt32
        ) throws -> (near: OwnedDescriptor, answer: EventLoopFuture<Void>) {
            let (near, far) = try UnixSocket.pair()
            waiting.withLock { $0.append(far) }
            return (near, group.next().makeSucceededVoidFuture())
        }

        func close() {}
        var isCutOff: Bool { false }
    }

    private let link = WaitingLink()
    private let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    private let container: FunctionContainer
    private let runtime: LambdaRuntime

    init() async throws {
        var definition = FunctionDefinition(name: "f", image: "i")
        definition.kind = .lambda
        container = FunctionContainer(number: 1, definition)
        container.note(link, machine: "m", zoneSizeInBytes: 0)
        runtime = try #require(container.runtime)
        try await runtime.listen(in: container, on: eventLoop).get()
    }

    /// The next stream that waits.
    private func connect() async throws -> OwnedDescriptor {
        for _ in 0..<2000 {
            if let socket = link.waiting.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return socket }
            try await Task.sleep(for: .milliseconds(5))
        }
        return try #require(nil as OwnedDescriptor?, "no stream waits")
    }

    private func read(_ socket: OwnedDescriptor, until end: String) throws -> String {
        var received = ""
        let deadline = Deadline(inMilliseconds: 10_000)
        while !received.contains(end), try socket.isReadable(by: deadline) {
            let bytes = try socket.read(atMost: 65536)
            if bytes.isEmpty { break }
            received += String(decoding: bytes, as: UTF8.self)
        }
        return received
    }

    private func invocation(_ payload: String) -> LambdaInvocation {
        LambdaInvocation(
            id: LambdaInvocation.freshID(), payload: Array(payload.utf8), deadlineInMilliseconds: 5, function: "f",
            trace: .fresh())
    }

    private let next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n\r\n"

    @Test func eventsAreHandledOneAfterTheOtherOnOneConnection() async throws {
        let socket = try await connect()
        try socket.send(Array(next.utf8))
        try await runtime.isReady(on: eventLoop).get()
        for number in 1...3 {
            let invocation = invocation("{\"n\":\(number)}")
            let answer = runtime.invoke(invocation, on: eventLoop)
            let head = try read(socket, until: "{\"n\":\(number)}")
            #expect(head.contains("Lambda-Runtime-Aws-Request-Id: \(invocation.id)\r\n"))
            let body = "answer \(number)"
            try socket.send(
                Array(
                    "POST /2018-06-01/runtime/invocation/\(invocation.id)/response HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
                        .utf8))
            #expect(try read(socket, until: "OK").contains("202 Accepted"))
            #expect(try await answer.get().body == Array(body.utf8))
            try socket.send(Array(next.utf8))
        }
    }

    @Test func eachCallMayComeByAConnectionOfItsOwn() async throws {
        let first = try await connect()
        try first.send(Array(next.utf8))
        try await runtime.isReady(on: eventLoop).get()
        let invocation = invocation("1")
        let answer = runtime.invoke(invocation, on: eventLoop)
        #expect(try read(first, until: "\r\n\r\n1").hasSuffix("\r\n\r\n1"))
        let second = try await connect()
        let body = "{\"errorType\":\"E\"}"
        try second.send(
            Array(
                "POST /2018-06-01/runtime/invocation/\(invocation.id)/error HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
                    .utf8))
        #expect(
            try await answer.get()
                == LambdaResult(body: Array(body.utf8), isError: true, contentType: "application/json"))
        let third = try await connect()
        try third.send(
            Array(
                "POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n".utf8))
        #expect(try read(third, until: "invocation\"}").contains("400 Bad Request"))
    }

    @Test func aRuntimeThatCannotBeginOrEndsFailsWhoWaits() async throws {
        let socket = try await connect()
        let body = "no handler"
        try socket.send(
            Array(
                "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
                    .utf8))
        #expect(try read(socket, until: "OK").contains("202"))
        await #expect(throws: GatewayError.noContainer("Runtime.InitError: no handler")) {
            try await runtime.isReady(on: eventLoop).get()
        }
        container.forget("it ended with 1")
        await #expect(throws: GatewayError.self) { try await runtime.invoke(invocation("1"), on: eventLoop).get() }
    }
}
