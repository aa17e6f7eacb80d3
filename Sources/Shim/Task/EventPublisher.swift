import ContainerdAPI
import LinuxSystem
import NIOPosix
import Runtime
import SwiftProtobuf
import TTRPC

/// Tells containerd what happens, in the order in which it happens. While containerd is away, events wait for it.
final class EventPublisher: Sendable {
    /// More than these wait for a containerd that does not come back: then the oldest are lost.
    private static let mostWaiting = 16_384
    private static let retryInMilliseconds: UInt64 = 500
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

    /// - Parameter address: containerd's ttrpc socket (TTRPC_ADDRESS); nil: nobody is told.
    init(address: String?, namespace: String, group: MultiThreadedEventLoopGroup) {
        self.address = address.map { $0.hasPrefix("unix://") ? String($0.dropFirst(7)) : $0 }
        self.namespace = namespace
        self.group = group
        (events, queue) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.mostWaiting))
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
        for await event in events {
            var request = Containerd_Services_Events_Ttrpc_V1_ForwardRequest()
            request.envelope = event.envelope
            guard let payload: [UInt8] = try? request.serializedBytes() else { continue }
            while !Task.isCancelled {
                do {
                    let open = client?.isOpen == true ? client : try await Client.connect(to: address, group: group)
                    client = open
                    _ = try await open?.call(Self.service, "Forward", payload: payload, within: Self.callInMilliseconds)
                    break
                } catch let status as Status where status.code != .unavailable && status.code != .deadlineExceeded {
                    // containerd has it and does not want it.
                    Log.tell(.warning, "containerd refuses the event \(event.topic): \(status)")
                    break
                } catch {
                    client = nil
                    try? await Task.sleep(for: .milliseconds(Self.retryInMilliseconds))
                }
            }
        }
    }
}
