import ContainerdAPI
import LinuxSystem
import NIOPosix
import Runtime
import SwiftProtobuf
import TTRPC
import Logging
import Logs

/// Sends containerd its events, in the order in which it happens. While containerd is away, events wait for it.
final class EventPublisher: Sendable {
    /// More than these wait for a containerd that does not come back: then the oldest are lost.
    private static let maxWaiting = 16_384
    /// At most so long is waited for the socket of a containerd that is away; after that it is tried again.
    private static let retry = Duration.seconds(1)
    /// So long a containerd that is there may take for an event; then it is sent on a new connection.
    private static let callInMilliseconds: Int64 = 5_000
    private static let service = "containerd.services.events.ttrpc.v1.Events"

    private struct Event: Sendable {
        let topic: String
        let envelope: Containerd_Services_Events_Ttrpc_V1_Envelope
    }

    private let address: String?
    private let namespace: String
    private let group: MultiThreadedEventLoopGroup
    private let queue: AsyncStream<Event>.Continuation
    private let events: AsyncStream<Event>

    /// - Parameter address: containerd's ttrpc socket (TTRPC_ADDRESS); nil: events go nowhere.
    init(address: String?, namespace: String, group: MultiThreadedEventLoopGroup) {
        self.address = address.map { $0.hasPrefix("unix://") ? String($0.dropFirst(7)) : $0 }
        self.namespace = namespace
        self.group = group
        (events, queue) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.maxWaiting))
    }

    func publish(_ topic: String, _ event: some SwiftProtobuf.Message) {
        guard let any = try? Google_Protobuf_Any(message: event, typePrefix: "") else { return }
        var envelope = Containerd_Services_Events_Ttrpc_V1_Envelope()
        envelope.timestamp = Google_Protobuf_Timestamp(nanoseconds: currentTimeInNanoseconds())
        envelope.namespace = namespace
        envelope.topic = topic
        envelope.event = any
        // containerd registers its types without a host.
        envelope.event.typeURL = type(of: event).protoMessageName
        queue.yield(Event(topic: topic, envelope: envelope))
    }

    /// Forwards events until it is cancelled.
    func run() async {
        guard let address else {
            for await _ in events {}
            return
        }
        var client: Client?
        // While containerd is away.
        var change: FileWatch?
        for await event in events {
            var request = Containerd_Services_Events_Ttrpc_V1_ForwardRequest()
            request.envelope = event.envelope
            guard let payload: [UInt8] = try? request.serializedBytes() else { continue }
            while !Task.isCancelled {
                do {
                    let open = client?.isOpen == true ? client : try await Client.connect(to: address, group: group)
                    client = open
                    _ = try await open?.call(Self.service, "Forward", payload: payload, within: Self.callInMilliseconds)
                    change = nil
                    break
                } catch let status as Status where status.code != .unavailable && status.code != .deadlineExceeded {
                    // containerd has it and does not want it.
                    Log.logger.warning("containerd refuses the event \(event.topic): \(status)")
                    break
                } catch {
                    await client?.close()
                    client = nil
                    // A containerd that is stopped has had its time already.
                    if (error as? Status)?.code == .deadlineExceeded { continue }
                    if let change {
                        await Self.pause(until: change)
                    } else {
                        // It is tried once more at once, so that nothing is missed between the try and the watch.
                        change = try? FileWatch(directory: Self.directory(of: address))
                        if change == nil { try? await Task.sleep(for: Self.retry) }
                    }
                }
            }
        }
    }

    /// Until the socket's directory changes: a containerd that comes back makes its socket anew. One that was there all
    /// along changes nothing, and is tried again when the time is over.
    private static func pause(until change: FileWatch) async {
        let milliseconds = CInt(retry.components.seconds) * 1000
        _ = await DescriptorReadiness.wait(
            for: change.descriptor, by: Deadline(inMilliseconds: milliseconds))
        change.drain()
    }

    private static func directory(of path: String) -> String {
        let end = path.lastIndex(of: "/") ?? path.startIndex
        return end == path.startIndex ? "/" : String(path[..<end])
    }
}
