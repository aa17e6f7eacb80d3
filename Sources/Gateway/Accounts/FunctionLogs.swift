import ControlProtocol
import Events
import LinuxSystem
import NIOCore
import NIOPosix
import Runtime
import Synchronization

/// What functions' containers print, a file for each function: lines as CRI has them, with the container's name.
final class FunctionLogs: Sendable {
    private static let maxFileBytes: UInt64 = 16 << 20
    /// A longer line is cut into parts.
    static let maxLineBytes = 16 << 10

    private let directory: String
    private let group: MultiThreadedEventLoopGroup
    private let threads: NIOThreadPool
    private let files = Mutex<[String: RotatedFile]>([:])

    init(directory: String, group: MultiThreadedEventLoopGroup, threads: NIOThreadPool) {
        self.directory = directory
        self.group = group
        self.threads = threads
    }

    func path(of function: String) -> String { "\(directory)/\(function).log" }

    private func file(of function: String) -> RotatedFile {
        files.withLock { files in
            if let file = files[function] { return file }
            let file = RotatedFile(path(of: function), maxBytes: Self.maxFileBytes, on: threads)
            files[function] = file
            return file
        }
    }

    /// A line of the gateway's own, or of one that it serves by itself, as a container's.
    func write(_ line: String, of function: String, _ stream: String, _ source: String) {
        let bytes = Array("\(Timestamp.now) \(stream) \(source) ".utf8) + line.utf8.prefix(Self.maxLineBytes)
        file(of: function).append(bytes + [UInt8(ascii: "\n")])
    }

    /// A stream of a process that is no container: what it prints is written to its function's log.
    func stream(of function: String, _ stream: String, _ source: String) throws -> OwnedDescriptor {
        let (near, far) = try UnixSocket.pair()
        let file = file(of: function)
        read(near: try near.duplicateToGiveAway(), LogReader("\(stream) \(source) ", file, nil))
        return far
    }

    private func read(near: CInt, _ reader: @autoclosure @escaping @Sendable () -> LogReader) {
        _ = ClientBootstrap(group: group.next())
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(reader()) }
            }
            .withConnectedSocket(near)
    }

    /// The streams of a container that begins: what it prints is read here, and written to its function's log.
    func streams(of container: FunctionContainer) throws -> StreamEnds.Far {
        let file = file(of: container.definition.name)
        let output = try UnixSocket.pair()
        let error = try UnixSocket.pair()
        for (near, stream) in [(output.0, "stdout"), (error.0, "stderr")] {
            let copy = try near.duplicateToGiveAway()
            let prefix = "\(stream) \(container.id) "
            let tail = container.runtime?.tail
            read(near: copy, LogReader(prefix, file, tail))
        }
        return StreamEnds.Far(passed: [.output, .error], descriptors: [output.1, error.1])
    }
}

/// Cuts what a stream says into lines.
private final class LogReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let prefix: String
    private let file: RotatedFile
    private let tail: LogTail?
    private var line: [UInt8] = []

    init(_ prefix: String, _ file: RotatedFile, _ tail: LogTail?) {
        self.prefix = prefix
        self.file = file
        self.tail = tail
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        tail?.append(bytes.readableBytesView)
        for byte in bytes.readableBytesView {
            if byte != UInt8(ascii: "\n") { line.append(byte) }
            if byte == UInt8(ascii: "\n") || line.count >= FunctionLogs.maxLineBytes { write() }
        }
    }

    private func write() {
        file.append(Array("\(Timestamp.now) \(prefix)".utf8) + line + [UInt8(ascii: "\n")])
        line = []
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !line.isEmpty { write() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// The last 4 KiB that a container printed, as Lambda's `LogResult` has them.
final class LogTail: Sendable {
    static let maxBytes = 4096
    private let bytes = Mutex<[UInt8]>([])

    func append(_ more: some Collection<UInt8>) {
        bytes.withLock { bytes in
            bytes += more.suffix(Self.maxBytes)
            if bytes.count > Self.maxBytes { bytes.removeFirst(bytes.count - Self.maxBytes) }
        }
    }

    var contents: [UInt8] { bytes.withLock { $0 } }
    func clear() { bytes.withLock { $0 = [] } }
}
