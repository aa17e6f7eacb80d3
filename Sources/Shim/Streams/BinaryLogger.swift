import Glibc
import LinuxSystem
import Runtime
import TTRPC

/// A program that gets a container's output, as `binary:///PATH?KEY=VALUE` names it (containerd, core/runtime/v2,
/// "Logging"): the streams are its descriptors 3 and 4, and closing 5 says that it is ready.
struct BinaryLogger {
    /// Whose output it is.
    struct Identity: Sendable {
        let container: String
        let namespace: String
    }

    private static let patienceInMilliseconds: CInt = 10_000

    let program: String
    let arguments: [String]
    let identity: Identity

    /// - Throws: `invalidArgument` where the address names no program.
    init(address: String, identity: Identity) throws {
        let parts = address.dropFirst("binary://".count).split(separator: "?", maxSplits: 1).map(String.init)
        guard let program = parts.first, program.hasPrefix("/") else {
            throw Status(.invalidArgument, "the logger \(quoted(address)) is no binary:///PATH address")
        }
        self.program = program
        self.identity = identity
        var arguments: [String] = []
        for pair in parts.count == 2 ? parts[1].split(separator: "&") : [] {
            let words = pair.split(separator: "=", maxSplits: 1).map(Self.plain)
            arguments += words.count == 2 && !words[1].isEmpty ? words : Array(words.prefix(1))
        }
        self.arguments = arguments
    }

    /// Percent-decoded, `+` being a space, as Go's url.Values writes them.
    private static func plain(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Starts it and waits until it is ready.
    func start(output: OwnedDescriptor?, error: OwnedDescriptor?) throws {
        let ready = try launch(output, error)
        guard try !wait(for: [(ready, .readable)], timeoutInMilliseconds: Self.patienceInMilliseconds)[0].isEmpty else {
            throw Status(.failedPrecondition, "the logger \(quoted(program)) is not ready after 10 s")
        }
    }

    /// The end of a pipe that shows when the program is ready.
    private func launch(_ output: OwnedDescriptor?, _ error: OwnedDescriptor?) throws -> OwnedDescriptor {
        let null = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
        let (ready, readyWriter) = try OwnedDescriptor.pipe()
        let (out, err) = (output ?? null, error ?? null)
        // The shell moves the descriptors to the numbers that the program expects.
        let script = "exec 3<&\(out.rawValue) 4<&\(err.rawValue) 5>&\(readyWriter.rawValue); exec \"$@\""
        var process = ProcessLaunch(
            "/bin/sh", arguments: ["/bin/sh", "-c", script, "sh", program] + arguments,
            environment: [
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "CONTAINER_ID=\(identity.container)",
                "CONTAINER_NAMESPACE=\(identity.namespace)",
            ], input: null, output: null, error: null)
        process.kept = [out, err, readyWriter]
        process.isDetached = true
        try process.start().reapAtItsEnd()
        return ready
    }
}
