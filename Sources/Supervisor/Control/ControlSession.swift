import AgentProtocol
import ControlProtocol
import LinuxSystem

/// A client's connection to the control socket. Protected by the device lock.
final class ControlSession {
    private var channel: SocketChannel?
    private var decoder = ControlFrameDecoder<ControlRequest>()
    /// Descriptors that came with bytes whose frame is not whole yet, in their order.
    private var descriptors: [OwnedDescriptor] = []
    /// Ids of volumes that were attached for containers that have not been run yet, by the container.
    var volumes: [String: [String]] = [:]
    /// The request before must be done first: the next one waits.
    private var isHeld = false
    private let onRequest: (ControlSession, UInt32, ControlRequest) -> Void
    private let onMalformed: (ProtocolError) -> Void

    init(
        _ socket: OwnedDescriptor, on loop: EventLoop,
        onRequest: @escaping (ControlSession, UInt32, ControlRequest) -> Void,
        onMalformed: @escaping (ProtocolError) -> Void,
        onClose: @escaping (ControlSession) -> Void
    ) throws(SystemError) {
        self.onRequest = onRequest
        self.onMalformed = onMalformed
        channel = try SocketChannel(socket, on: loop, descriptorRoom: ControlLimits.descriptors) {
            [weak self] bytes, passed in
            self?.receive(bytes, passed)
        } onClose: { [self] in
            channel = nil
            onClose(self)
        }
    }

    var isOpen: Bool { channel?.isOpen ?? false }

    /// Answers a request.
    func reply(_ reply: ControlReply, to request: UInt32) {
        do {
            channel?.send(try ControlFrame(request: request, content: reply).bytes())
        } catch {
            // Only what the guest said could be over a limit, and that was checked when it came.
            channel?.close()
        }
    }

    /// The descriptors that came with the present request, as many as it says; nil where they are not there.
    func takeDescriptors(_ count: Int) -> [OwnedDescriptor]? {
        guard descriptors.count >= count else { return nil }
        defer { descriptors.removeFirst(count) }
        return Array(descriptors.prefix(count))
    }

    func close() { channel?.close() }

    /// Has further requests wait. A client sends nothing more until it has its answer; one that does loses its
    /// connection when more waits than two requests have.
    func hold() { isHeld = true }

    /// Takes the requests that waited.
    func release() {
        isHeld = false
        takeRequests()
    }

    private func receive(_ bytes: [UInt8], _ passed: [OwnedDescriptor]) {
        guard descriptors.count + passed.count <= 4 * ControlLimits.descriptors else { return close() }
        descriptors += passed
        decoder.append(bytes)
        takeRequests()
        if isHeld, decoder.pendingBytes > 2 * ControlLimits.payload { close() }
    }

    private func takeRequests() {
        do {
            while isOpen, !isHeld, let frame = try decoder.next() { onRequest(self, frame.request, frame.content) }
        } catch {
            onMalformed(error)
            close()
        }
    }
}
