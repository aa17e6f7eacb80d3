import LinuxSystem
import SystemPackage

/// Copies what a process prints to its client and to the container's log.
///
/// One buffer's worth is under way at a time: nothing more is taken from the guest until the client has it, so a slow
/// reader slows the process down and costs no memory. Protected by the device lock.
final class OutputTap {
    private static let bytesPerTurn = 32 << 10

    private let source: OwnedDescriptor
    private let loop: EventLoop
    private var client: OwnedDescriptor?
    private let log: ContainerLog?
    private let stream: ContainerLog.Stream
    private var unsent: ArraySlice<UInt8> = []
    private var isOpen = true
    private let onEnd: (OutputTap) -> Void

    /// - Parameter source: one end of a socket pair whose other end the guest's stream is connected to.
    init(
        _ source: OwnedDescriptor, on loop: EventLoop, client: OwnedDescriptor?, log: ContainerLog?,
        stream: ContainerLog.Stream, onEnd: @escaping (OutputTap) -> Void
    ) throws(SystemError) {
        self.source = source
        self.loop = loop
        self.client = client
        self.log = log
        self.stream = stream
        self.onEnd = onEnd
        try source.setNonBlocking()
        try client?.setNonBlocking()
        try loop.add(source, for: .readable) { [weak self] _ in self?.take() }
    }

    private func take() {
        do {
            let bytes = try source.read(atMost: Self.bytesPerTurn)
            guard !bytes.isEmpty else { return end() }
            log?.append(bytes, stream)
            guard client != nil else { return }
            unsent = bytes[...]
            flush()
        } catch {
            if error.errno != .resourceTemporarilyUnavailable { end() }
        }
    }

    private func flush() {
        guard let client else { return }
        while !unsent.isEmpty {
            do {
                unsent = unsent.dropFirst(try client.write(some: unsent))
            } catch {
                guard error.errno == .resourceTemporarilyUnavailable else { return loseClient(client) }
                return waitFor(client)
            }
        }
        unsent = []
    }

    /// Stops reading until the client takes bytes again.
    private func waitFor(_ client: OwnedDescriptor) {
        loop.remove(source)
        loop.remove(client)
        let added: Void? = try? loop.add(client, for: .writable) { [weak self] _ in
            guard let self else { return }
            loop.remove(client)
            flush()
            guard unsent.isEmpty, isOpen else { return }
            resume()
        }
        if added == nil { loseClient(client) }
    }

    private func resume() {
        let added: Void? = try? loop.add(source, for: .readable) { [weak self] _ in self?.take() }
        if added == nil { end() }
    }

    /// Nobody reads any more. Without a log the process is told so, as by a closed pipe.
    private func loseClient(_ lost: OwnedDescriptor) {
        loop.remove(lost)
        client = nil
        unsent = []
        guard log != nil else { return end() }
        loop.remove(source)
        if isOpen { resume() }
    }

    private func end() {
        guard isOpen else { return }
        isOpen = false
        log?.finish(stream)
        loop.remove(source)
        source.endConnection()
        client?.endWriting()
        client = nil
        onEnd(self)
    }
}
