public import LinuxSystem
import Synchronization

/// The other end: serves one connection of a VM's, on a thread of its own. What comes is as hostile as the guest.
public struct FileServerConnection: Sendable {
    /// What was wrong with malformed requests, for the VM to log: at most one for each answer.
    public final class Complaints: Sendable {
        private static let max = 16
        private let texts = Mutex<[String]>([])

        public init(of server: FileServer) {
            server.observeMalformedRequests { [self] text in
                texts.withLock { if $0.count < Self.max { $0.append(text) } }
            }
        }

        fileprivate func next() -> String { texts.withLock { $0.isEmpty ? "" : $0.removeFirst() } }
    }

    private let socket: OwnedDescriptor
    private let server: FileServer
    private let complaints: Complaints

    public init(_ socket: OwnedDescriptor, _ server: FileServer, _ complaints: Complaints) {
        self.socket = socket
        self.server = server
        self.complaints = complaints
    }

    /// Answers until the VM closes the connection, or sends a malformed frame: then it gets no more, and the process is to
    /// end.
    public func serve() { while (try? serveOne()) == true {} }

    private func serveOne() throws(SystemError) -> Bool {
        // A volume's descriptor comes with the first byte.
        var (header, descriptors) = try socket.receive(atMost: FileServerFrame.headerSize, descriptors: 1)
        guard !header.isEmpty,
            let rest = try FileServerFrame.receive(FileServerFrame.headerSize - header.count, from: socket)
        else { return false }
        header += rest
        let words = FileServerFrame.words(header)
        let (length, detail) = (words[1], words[2])
        guard let kind = FileServerFrame.Kind(rawValue: words[0]), length <= UInt32(FileServer.maxRequest),
            let bytes = try FileServerFrame.receive(Int(length), from: socket)
        else { return false }
        switch kind {
        case .answer:
            guard detail <= UInt32(FileServer.maxRequest) else { return false }
            try reply(server.answer(bytes, room: Int(detail)))
        case .attach:
            guard let descriptor = descriptors.popLast() else { return false }
            try attach(descriptor, VolumeOptions(rawValue: UInt8(truncatingIfNeeded: detail)).intersection(.all))
        case .detach:
            server.detach(String(decoding: bytes, as: UTF8.self))
            try reply([])
        case .probe: try reply([])
        }
        return true
    }

    private func attach(_ descriptor: OwnedDescriptor, _ options: VolumeOptions) throws(SystemError) {
        let text: String
        do throws(VolumeError) { text = try server.attach(descriptor, options) } catch {
            return try reply(Array("\(error)".utf8.prefix(FileServerFrame.maxText)), isFailure: true)
        }
        try reply(Array(text.utf8))
    }

    private func reply(_ bytes: [UInt8], isFailure: Bool = false) throws(SystemError) {
        let complaint = Array(complaints.next().utf8.prefix(FileServerFrame.maxText))
        let header = FileServerFrame.header(
            UInt32(bytes.count), UInt32(complaint.count), isFailure ? 1 : 0, 0)
        try socket.write(all: header + bytes + complaint)
    }
}
