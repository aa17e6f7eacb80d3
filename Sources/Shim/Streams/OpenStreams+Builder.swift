import ControlProtocol
import Glibc
import LinuxSystem
import Runtime
import TTRPC

extension OpenStreams {
    /// Opens one stream after the other, in the order of `PassedDescriptors`.
    struct Builder {
        let logger: BinaryLogger.Identity
        var passed: PassedDescriptors = []
        var far: [OwnedDescriptor] = []
        var kept: [OwnedDescriptor] = []
        var input: InputRelay?
        var outputs: [OutputRelay] = []
        private var binary: (address: String, ends: [(stream: PassedDescriptors, reader: OwnedDescriptor)])?

        init(logger: BinaryLogger.Identity) { self.logger = logger }

        mutating func openInput(_ path: String) throws {
            // Without a writer a fifo opened like this is simply empty, until one comes.
            let fifo = try Self.open(path, O_RDONLY | O_NONBLOCK)
            let (mine, theirs) = try UnixSocket.pair()
            input = try InputRelay(from: fifo, to: mine)
            pass(theirs, as: .input)
        }

        mutating func openOutput(_ address: String, _ stream: PassedDescriptors) throws {
            if let path = Self.path(address, scheme: "file://") { return try openFile(path, stream) }
            if address.hasPrefix("binary://") { return try openLogger(address, stream) }
            let path = Self.path(address, scheme: "fifo://") ?? address
            // Without a reader the end to write to could not be opened.
            kept.append(try Self.open(path, O_RDONLY | O_NONBLOCK))
            let writer = try Self.open(path, O_WRONLY | O_NONBLOCK)
            kept.append(writer)
            pass(writer, as: stream)
        }

        private mutating func openFile(_ path: String, _ stream: PassedDescriptors) throws {
            // A fifo that nobody reads would keep who opens it, and is no file.
            let file = try Self.open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK)
            try file.setNonBlocking(false)
            let (reader, writer) = try OwnedDescriptor.pipe()
            outputs.append(try OutputRelay(from: reader, to: file))
            pass(writer, as: stream)
        }

        private mutating func openLogger(_ address: String, _ stream: PassedDescriptors) throws {
            let (reader, writer) = try OwnedDescriptor.pipe()
            var logger = binary ?? (address, [])
            logger.ends.append((stream, reader))
            binary = logger
            pass(writer, as: stream)
        }

        /// One program gets both streams.
        func startLogger() throws {
            guard let binary else { return }
            try BinaryLogger(address: binary.address, identity: logger).start(
                output: binary.ends.first { $0.stream == .output }?.reader,
                error: binary.ends.first { $0.stream == .error }?.reader)
        }

        private mutating func pass(_ descriptor: OwnedDescriptor, as role: PassedDescriptors) {
            passed.insert(role)
            far.append(descriptor)
        }

        private static func path(_ address: String, scheme: String) -> String? {
            guard address.hasPrefix(scheme) else { return nil }
            return String(address.dropFirst(scheme.count).prefix { $0 != "?" })
        }

        private static func open(_ path: String, _ flags: CInt) throws -> OwnedDescriptor {
            guard path.hasPrefix("/") else {
                throw Status(
                    .invalidArgument, "the stream \(quoted(path)) is no absolute path, file:// or binary:// address")
            }
            do { return try OwnedDescriptor(opening: path, flags: flags, mode: 0o644) } catch {
                throw Status(.invalidArgument, "cannot open the stream \(quoted(path)): \(error.errno)")
            }
        }
    }
}
