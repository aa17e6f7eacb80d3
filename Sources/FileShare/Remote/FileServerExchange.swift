import LinuxSystem
import SystemPackage

/// Why the process that serves volumes does so no longer.
enum FileServerLoss: Error, CustomStringConvertible {
    case ended
    /// Nothing came for so many seconds.
    case silent(Int)
    case nonsense

    var description: String {
        switch self {
        case .ended: "it has ended"
        case .silent(let seconds): "it has not answered within \(seconds) s"
        case .nonsense: "its answer makes no sense"
        }
    }
}

struct FileServerAnswer {
    let bytes: [UInt8]
    let isFailure: Bool
    /// What was wrong with a request that was none; empty: nothing.
    let complaint: String
}

/// One request to the process that serves volumes, and its answer, over a connection that does not block.
struct FileServerExchange {
    private let connection: OwnedDescriptor
    private let patience: FileServerPatience
    private let probe: () throws(FileServerLoss) -> Int
    /// Steps in which nothing came: in all, and since the last sign of life.
    private(set) var waited = 0
    private var quiet = 0

    /// `probe`: asks the server for a sign of life, and fails where there is none; how many steps it took.
    init(
        _ connection: OwnedDescriptor, _ patience: FileServerPatience,
        probe: @escaping () throws(FileServerLoss) -> Int
    ) {
        self.connection = connection
        self.patience = patience
        self.probe = probe
    }

    /// - Parameters:
    ///   - detail: the frame's room or options.
    ///   - room: for the answer, in bytes; a longer one is nonsense.
    mutating func ask(
        _ kind: FileServerFrame.Kind, _ detail: UInt32, _ bytes: [UInt8], _ room: Int,
        _ descriptor: OwnedDescriptor? = nil
    ) throws(FileServerLoss) -> FileServerAnswer {
        let header = FileServerFrame.header(kind.rawValue, UInt32(bytes.count), detail, 0)
        try send(header + bytes, descriptor.map { [$0] } ?? [])
        try stay(until: .readable)
        let words = FileServerFrame.words(try receive(FileServerFrame.headerSize))
        let (length, complaint) = (Int(words[0]), Int(words[1]))
        guard length <= room, complaint <= FileServerFrame.maxText else { throw .nonsense }
        let rest = try receive(length + complaint)
        return FileServerAnswer(
            bytes: Array(rest[..<length]), isFailure: words[2] != 0,
            complaint: String(decoding: rest[length...], as: UTF8.self))
    }

    private mutating func send(_ bytes: [UInt8], _ descriptors: [OwnedDescriptor]) throws(FileServerLoss) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let isFirst = rest.count == bytes.count
            do throws(SystemError) {
                rest = rest.dropFirst(try connection.send(some: rest, descriptors: isFirst ? descriptors : []))
            } catch {
                guard error.errno == .resourceTemporarilyUnavailable else { throw .ended }
                try stay(until: .writable)
            }
        }
    }

    private mutating func receive(_ count: Int) throws(FileServerLoss) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            do throws(SystemError) {
                let piece = try connection.read(atMost: count - bytes.count)
                if piece.isEmpty { throw SystemError("read to the end", .noData) }
                if bytes.isEmpty { bytes = piece } else { bytes += piece }
            } catch {
                guard error.errno == .resourceTemporarilyUnavailable else { throw .ended }
                try stay(until: .readable)
            }
        }
        return bytes
    }

    /// Waits until the connection is ready.
    private mutating func stay(until readiness: Readiness) throws(FileServerLoss) {
        while true {
            let isReady: Bool
            do throws(SystemError) {
                isReady = try connection.isReady(for: readiness, by: Deadline(inMilliseconds: patience.step))
            } catch { throw .ended }
            if isReady { return }
            try noteStep()
        }
    }

    private mutating func noteStep() throws(FileServerLoss) {
        (waited, quiet) = (waited + 1, quiet + 1)
        guard waited < patience.answer else { throw .silent(waited * Int(patience.step) / 1000) }
        guard quiet >= patience.quiet else { return }
        quiet = 0
        waited += try probe()
    }
}
