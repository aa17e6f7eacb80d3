import LinuxSystem
import SystemPackage

/// A stream socket on the event loop: what arrives is handed over, what is sent waits until the socket takes it.
///
/// Protected by the device lock, as everything that the event loop calls.
final class SocketChannel {
    private static let bytesPerRead = 64 << 10

    private let descriptor: OwnedDescriptor
    private let loop: EventLoop
    private let descriptorRoom: Int
    private let maxUnsentBytes: Int
    private var unsent: ArraySlice<UInt8> = []
    private(set) var isOpen = true
    private let onReceive: ([UInt8], [OwnedDescriptor]) -> Void
    private let onClose: () -> Void

    /// - Parameters:
    ///   - maxUnsentBytes: a peer that lets more wait is not reading, and is let go.
    ///   - descriptorRoom: how many descriptors are taken with a message; others are closed.
    ///   - onReceive: bytes in the order of the stream, with the descriptors that came along.
    ///   - onClose: called once, when the peer has gone or `close` was called.
    init(
        _ descriptor: OwnedDescriptor, on loop: EventLoop, maxUnsentBytes: Int = 8 << 20, descriptorRoom: Int = 0,
        onReceive: @escaping ([UInt8], [OwnedDescriptor]) -> Void, onClose: @escaping () -> Void
    ) throws(SystemError) {
        self.descriptor = descriptor
        self.loop = loop
        self.descriptorRoom = descriptorRoom
        self.maxUnsentBytes = maxUnsentBytes
        self.onReceive = onReceive
        self.onClose = onClose
        try descriptor.setNonBlocking()
        try loop.add(descriptor, for: .readable) { [self] ready in handle(ready) }
    }

    /// Whether so many bytes may be sent without letting the peer go.
    func hasRoom(for byteCount: Int) -> Bool { unsent.count + byteCount <= maxUnsentBytes }

    func send(_ bytes: [UInt8]) {
        guard isOpen else { return }
        guard hasRoom(for: bytes.count) else { return close() }
        unsent += bytes
        flush()
    }

    func close() {
        guard isOpen else { return }
        isOpen = false
        loop.remove(descriptor)
        descriptor.endConnection()
        onClose()
    }

    private func handle(_ ready: Readiness) {
        if !ready.isDisjoint(with: [.writable]) { flush() }
        if isOpen, !ready.isDisjoint(with: [.readable, .hungUp]) { receive() }
    }

    private func receive() {
        do {
            let (bytes, descriptors) = try descriptor.receive(atMost: Self.bytesPerRead, descriptors: descriptorRoom)
            guard !bytes.isEmpty else { return close() }
            onReceive(bytes, descriptors)
        } catch {
            if error.errno != .resourceTemporarilyUnavailable { close() }
        }
    }

    private func flush() {
        while !unsent.isEmpty {
            do {
                unsent = unsent.dropFirst(try descriptor.write(some: unsent))
            } catch {
                guard error.errno == .resourceTemporarilyUnavailable else { return close() }
                break
            }
        }
        if unsent.isEmpty { unsent = [] }
        try? loop.modify(descriptor, for: unsent.isEmpty ? .readable : [.readable, .writable])
    }
}
