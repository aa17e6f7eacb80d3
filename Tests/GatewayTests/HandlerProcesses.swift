import AgentProtocol
import LinuxSystem
import NIOCore
import NIOPosix
import Synchronization

@testable import Gateway

/// Stands for containers of kind handler: the host program in a node process each, without walls.
final class HandlerProcesses: ContainerStarting {
    private let group: MultiThreadedEventLoopGroup
    private let module: String
    let started = Atomic(0)
    let last = Mutex<HandlerProcess?>(nil)

    init(_ group: MultiThreadedEventLoopGroup, module: String) {
        self.group = group
        self.module = module
    }

    func start(_ container: FunctionContainer) -> EventLoopFuture<EventLoopFuture<String>> {
        let eventLoop = group.next()
        let promise = eventLoop.makePromise(of: EventLoopFuture<String>.self)
        started.add(1, ordering: .relaxed)
        let module = module
        NIOThreadPool.singleton.submit { [self] _ in
            promise.completeWith(
                Result {
                    let process = try HandlerProcess(module: module, isTracing: container.isTracing, on: eventLoop)
                    last.withLock { $0 = process }
                    container.note(process, machine: "local", zoneSizeInBytes: 128 << 20)
                    return process.ended.futureResult
                })
        }
        return promise.futureResult
    }
}

/// One of them.
final class HandlerProcess: ContainerLink {
    let id: Int32
    let ended: EventLoopPromise<String>
    private let port: UInt16
    private let loop: any NIOCore.EventLoop

    /// Until it listens, at most 20 s.
    init(module: String, isTracing: Bool, on eventLoop: any NIOCore.EventLoop) throws {
        port = try Self.freePort()
        let nothing = try OwnedDescriptor(opening: "/dev/null", flags: 2)
        let launch = ProcessLaunch(
            findProgram("node") ?? "", arguments: ["node", "\(Tools.checkout)/build/tracer/host.cjs"],
            environment: ["CZONE_HANDLER=\(module)", "PORT=\(port)"] + (isTracing ? ["CZONE_TRACE=1"] : []),
            input: nothing, output: nothing, error: nothing)
        let child = try launch.start()
        id = child.id
        loop = eventLoop
        let ended = eventLoop.makePromise(of: String.self)
        self.ended = ended
        _ = try Thread(named: "reaper") { ended.succeed("\((try? child.waitForEnd()) ?? -1)") }
        let deadline = Deadline(inMilliseconds: 20_000)
        while (try? TCPSocket.connect(to: "127.0.0.1", port: port)) == nil, !deadline.hasPassed {
            let timer = try OwnedDescriptor.pipe()
            _ = try timer.reader.isReadable(by: Deadline(inMilliseconds: 20))
        }
    }

    private static func freePort() throws -> UInt16 {
        try TCPSocket.port(of: try TCPSocket.listen(at: "127.0.0.1", port: 0))
    }

    func setPaused(_ isPaused: Bool, of container: String) -> EventLoopFuture<Void> { loop.makeSucceededVoidFuture() }

    func relay(
        port: UInt16, opening: RelayConnection.Opening, of container: String, withinMilliseconds limit: UInt32
    ) throws -> (near: OwnedDescriptor, answer: EventLoopFuture<Void>) {
        (try TCPSocket.connect(to: "127.0.0.1", port: self.port), loop.makeSucceededVoidFuture())
    }

    func close() { sendSignal(9, to: id) }
    var isCutOff: Bool { false }
}

/// What tests of acceleration need besides the package: node, and what Setup/release puts into build.
enum Tools {
    static let checkout = #filePath.components(before: "/Tests/GatewayTests/")
    static let areThere =
        findProgram("node") != nil
        && [
            "build/tracer/host.cjs", "build/tracer/acorn.js", "build/acceleration/libwasmtime.so",
            "build/acceleration/runtime.wasm",
        ].allSatisfy { isReadable("\(checkout)/\($0)") }

    static func programs() -> AccelerationSettings.Programs {
        let products = CurrentProcess.executablePath.components(before: "/czonePackageTests")
        return AccelerationSettings.Programs(
            compiler: "\(products)/czone-compile", sandbox: "\(products)/czone-sandbox",
            wasmtime: "\(checkout)/build/acceleration/libwasmtime.so",
            runtime: "\(checkout)/build/acceleration/runtime.wasm")
    }
}

extension String {
    fileprivate func components(before part: String) -> String {
        firstRange(of: part).map { String(self[..<$0.lowerBound]) } ?? self
    }
}
