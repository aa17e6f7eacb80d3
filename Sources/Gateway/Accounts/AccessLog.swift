import Glibc
import LeanJSON
import LinuxSystem
import NIOPosix
import Synchronization

/// What the access log says of a request besides its outcome.
struct AccessLine: Sendable {
    var function = ""
    var method = ""
    /// At most `AccessLog.maxTarget` bytes of it are written.
    var target = ""
    var caller = ""
    var requestID = ""
    var trace = ""
}

/// A JSON object for each request, in a file that is rotated once. Any thread may write; one thread does.
final class AccessLog: Sendable {
    static let maxTarget = 1024
    private let file: RotatedFile?

    /// - Parameter file: nil: nothing is written.
    init(_ file: RotatedFile?) { self.file = file }

    func write(_ line: AccessLine, _ outcome: RequestRecord.Outcome, container: String, reason: String?) {
        guard let file else { return }
        var json = JSONWriter()
        json.text("time", "\(Timestamp.now)")
        json.text("function", line.function)
        json.text("method", line.method)
        json.text("target", String(line.target.prefix(Self.maxTarget)))
        json.text("caller", line.caller)
        json.text("requestId", line.requestID)
        json.text("trace", line.trace)
        json.number("status", outcome.status)
        json.text("container", container.isEmpty ? nil : container)
        json.flag("queued", outcome.wasQueued)
        json.number("queueMicroseconds", outcome.queueMicroseconds)
        json.number("runMicroseconds", outcome.runMicroseconds)
        json.number("bytesIn", outcome.bytesIn)
        json.number("bytesOut", outcome.bytesOut)
        json.text("error", reason)
        file.append(json.object + [UInt8(ascii: "\n")])
    }
}

/// A file that is written at its end, and renamed to NAME.1 when it is full: so much is kept, and no more. What the disk
/// does not take in time is dropped, and counted.
final class RotatedFile: Sendable {
    private static let maxPending = 1 << 20

    private struct State {
        var pending: [UInt8] = []
        var isWriting = false
        var dropped: UInt64 = 0
    }

    private struct Output {
        var descriptor: OwnedDescriptor?
        var size: UInt64 = 0
    }

    let path: String
    private let maxBytes: UInt64
    private let threads: NIOThreadPool
    private let state = Mutex(State())
    /// Of the thread that writes.
    private let output = Mutex(Output())

    init(_ path: String, maxBytes: UInt64, on threads: NIOThreadPool) {
        self.path = path
        self.maxBytes = maxBytes
        self.threads = threads
    }

    func append(_ bytes: [UInt8]) {
        let begins = state.withLock { state in
            guard state.pending.count + bytes.count <= Self.maxPending else {
                state.dropped += 1
                return false
            }
            state.pending += bytes
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if begins { threads.submit { [self] _ in drain() } }
    }

    private func drain() {
        while true {
            let bytes = state.withLock { state in
                defer { state.pending = [] }
                state.isWriting = !state.pending.isEmpty
                return state.pending
            }
            guard !bytes.isEmpty else { return }
            // A disk that is full takes nothing: what comes later may find room.
            try? output.withLock { output in try write(bytes, &output) }
        }
    }

    private func write(_ bytes: [UInt8], _ output: inout Output) throws {
        if let descriptor = output.descriptor, output.size + UInt64(bytes.count) > maxBytes {
            withExtendedLifetime(descriptor) {}
            output.descriptor = nil
            try FileSystem.rename(path, to: path + ".1")
        }
        if output.descriptor == nil {
            let descriptor = try OwnedDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_APPEND)
            output = Output(descriptor: descriptor, size: try descriptor.sizeInBytes())
        }
        try output.descriptor?.write(all: bytes)
        output.size += UInt64(bytes.count)
    }
}
