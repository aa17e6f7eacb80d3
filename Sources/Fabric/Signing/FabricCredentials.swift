import LinuxSystem
import Synchronization

/// Keys of a provider's.
struct FabricCredentials: Equatable, Sendable {
    var key: String
    var secret: String
    /// Of keys that end.
    var sessionToken: String?

    /// A longer file is refused.
    static let maxBytes = 64 << 10

    /// Reads a section of a file as AWS's tools have it (`[profile]`, `aws_access_key_id = …`).
    /// - Throws: what is missing, or wrong; never a value.
    init(_ text: String, profile: String) throws(CredentialError) {
        var section: [String: String] = [:]
        var isWithin = false
        var wasFound = false
        for line in text.split(whereSeparator: \.isNewline) {
            let line = line.trimmed
            if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
            if line.hasPrefix("[") {
                let name = line.dropFirst().prefix { $0 != "]" }.trimmed
                // As ~/.aws/config has it.
                isWithin = name == profile || name == "profile \(profile)"
                wasFound = wasFound || isWithin
            } else if isWithin, let sign = line.firstIndex(of: "=") {
                section[line[..<sign].trimmed.lowercased()] = String(line[line.index(after: sign)...].trimmed)
            }
        }
        guard wasFound else { throw CredentialError("they have no section [\(printable(profile))]") }
        key = try Self.word(section["aws_access_key_id"], "aws_access_key_id")
        secret = try Self.word(section["aws_secret_access_key"], "aws_secret_access_key")
        if let token = section["aws_session_token"] { sessionToken = try Self.word(token, "aws_session_token") }
    }

    /// A value that may stand in a header.
    private static func word(_ value: String?, _ name: String) throws(CredentialError) -> String {
        guard let value, !value.isEmpty else { throw CredentialError("they have no \(name)") }
        guard value.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw CredentialError("their \(name) has something that is no printable character")
        }
        return value
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var rest = drop { $0.isWhitespace }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return rest
    }
}

/// Why there are no keys.
struct CredentialError: Error, CustomStringConvertible {
    let description: String
    init(_ reason: String) { description = "the policy's keys are of no use: \(reason)" }
}

/// A file of keys, of which the process has a descriptor and no path. Any thread may use it.
final class CredentialFile: Sendable {
    /// So long what was read is used, in nanoseconds: keys that end are renewed in place.
    private static let freshness: UInt64 = 5_000_000_000

    private struct State {
        var file: OwnedDescriptor
        var read: FabricCredentials
        var readAt: UInt64
    }

    private let profile: String
    private let state: Mutex<State>

    init(_ file: OwnedDescriptor, profile: String) throws {
        self.profile = profile
        state = Mutex(State(file: file, read: try Self.read(file, profile), readAt: MonotonicClock.nanoseconds))
    }

    /// A newer file is there.
    func replace(_ file: OwnedDescriptor) throws {
        let read = try Self.read(file, profile)
        state.withLock { $0 = State(file: file, read: read, readAt: MonotonicClock.nanoseconds) }
    }

    /// The keys as they are now; those that were read last, where the file is being written.
    var credentials: FabricCredentials {
        state.withLock { state in
            let now = MonotonicClock.nanoseconds
            if now - state.readAt > Self.freshness {
                state.readAt = now
                if let read = try? Self.read(state.file, profile) { state.read = read }
            }
            return state.read
        }
    }

    private static func read(_ file: OwnedDescriptor, _ profile: String) throws -> FabricCredentials {
        let bytes = try file.read(upTo: FabricCredentials.maxBytes, at: 0)
        return try FabricCredentials(String(decoding: bytes, as: UTF8.self), profile: profile)
    }
}
