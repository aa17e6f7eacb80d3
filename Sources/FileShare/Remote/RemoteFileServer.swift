public import LinuxSystem
import Synchronization
import SystemPackage

/// Volumes served by a process of their own, `czone-files`: the one that has a right to the host's files. This one, which
/// the guest may have taken over, has neither that right nor the volumes' descriptors.
///
/// A connection carries one request at a time, and there is one for each thread that asks. A server that has ended is
/// seen at the next request: what was attached is gone, and the guest gets EIO.
public final class RemoteFileServer: VolumeServer {
    private struct State {
        var idle: [OwnedDescriptor] = []
        var isServing = false
    }

    private let state = Mutex(State())
    private let requests = Atomic<UInt64>(0)
    private let malformedRequests = Atomic<UInt64>(0)
    private let observer = Mutex<(@Sendable (String) -> Void)?>(nil)

    public init() {}

    public var isServing: Bool { state.withLock { $0.isServing } }
    public var requestCount: UInt64 { requests.load(ordering: .relaxed) }
    public var malformedRequestCount: UInt64 { malformedRequests.load(ordering: .relaxed) }

    public func observeMalformedRequests(_ observer: @escaping @Sendable (String) -> Void) {
        self.observer.withLock { $0 = observer }
    }

    public func connect(_ channels: [OwnedDescriptor]) -> Bool {
        state.withLock { state in
            guard !state.isServing, !channels.isEmpty else { return false }
            state = State(idle: channels, isServing: true)
            return true
        }
    }

    public func attach(_ descriptor: OwnedDescriptor, _ options: VolumeOptions) throws(VolumeError) -> String {
        guard let reply = ask(.attach, UInt32(options.rawValue), [], FileServerFrame.maxText, descriptor) else {
            throw .serverGone
        }
        let text = String(decoding: reply.bytes, as: UTF8.self)
        if reply.isFailure { throw .refused(text) }
        return text
    }

    public func detach(_ id: String) { _ = ask(.detach, 0, Array(id.utf8), 0) }

    public func answer(_ bytes: [UInt8], room: Int) -> [UInt8] {
        requests.add(1, ordering: .relaxed)
        let room = min(room, FileServer.maxRequest)
        guard let reply = ask(.answer, UInt32(room), bytes, room) else {
            // fuse_in_header: the number of the request at byte 8.
            let unique = (8..<16).reduce(UInt64(0)) {
                $1 < bytes.count ? $0 | UInt64(bytes[$1]) << (8 * UInt64($1 - 8)) : $0
            }
            return room >= Reply.headerSize ? Reply.failure(.ioError, unique) : []
        }
        return reply.bytes
    }

    private struct Answer {
        let bytes: [UInt8]
        let isFailure: Bool
    }

    /// Nil where nobody serves, or not any more.
    private func ask(
        _ kind: FileServerFrame.Kind, _ detail: UInt32, _ bytes: [UInt8], _ room: Int,
        _ descriptor: OwnedDescriptor? = nil
    ) -> Answer? {
        // As many threads as connections: one that asks finds one.
        guard let connection = state.withLock({ $0.idle.popLast() }) else { return nil }
        do throws(SystemError) {
            let frame = FileServerFrame.header(kind.rawValue, UInt32(bytes.count), detail, 0) + bytes
            try connection.send(frame, descriptors: descriptor.map { [$0] } ?? [])
            guard let header = try FileServerFrame.receive(FileServerFrame.headerSize, from: connection) else {
                return lose()
            }
            let words = FileServerFrame.words(header)
            let (length, complaint) = (Int(words[0]), Int(words[1]))
            guard length <= room, complaint <= FileServerFrame.maxText,
                let rest = try FileServerFrame.receive(length + complaint, from: connection)
            else { return lose() }
            state.withLock { if $0.isServing { $0.idle.append(connection) } }
            if complaint > 0 { noteMalformed(String(decoding: rest[length...], as: UTF8.self)) }
            return Answer(bytes: Array(rest[..<length]), isFailure: words[2] != 0)
        } catch { return lose() }
    }

    /// The server has ended: another may take its place.
    private func lose() -> Answer? {
        state.withLock { $0 = State() }
        return nil
    }

    private func noteMalformed(_ reason: String) {
        malformedRequests.add(1, ordering: .relaxed)
        observer.withLock { $0 }?(reason)
    }
}
