import ControlProtocol
public import FabricProtocol
import Glibc
import LinuxSystem
import SystemPackage

/// The directory of the host's policies, a file `NAME.yaml` each. `czone-fabric` reads them: this process would be
/// three times as large with a reader of YAML.
public struct PolicyDirectory: Sendable {
    /// Reading a file takes so long at most, in milliseconds.
    private static let patience: CInt = 10_000
    private static let maxBytes = 1 << 20

    public let path: String

    /// By default `CZONE_FABRIC_POLICIES`, else /etc/czone/fabric.
    public init(_ path: String? = nil) {
        self.path = path ?? CurrentProcess.environment("CZONE_FABRIC_POLICIES") ?? "/etc/czone/fabric"
    }

    /// Those that there are, sorted.
    public func names() throws(RuntimeError) -> [String] {
        let files = try system { () throws(SystemError) in try FileSystem.names(in: path) } ?? []
        return files.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }
            .filter { (try? FunctionKey.check($0, is: "policy")) != nil }.sorted()
    }

    /// Reads one.
    /// - Throws: `.invalid` where it is wrong or not there, with file, line and field.
    public func policy(_ name: String) throws(RuntimeError) -> PolicySummary {
        try FunctionKey.check(name, is: "policy's name")
        let program: String
        do { program = try Artefacts().fabric().string } catch { throw .invalid(error.description) }
        let bytes = try system { () throws(SystemError) in
            let (reader, writer) = try OwnedDescriptor.pipe()
            let nothing = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
            let child = try ProcessLaunch(
                program, arguments: [program, "policy", "\(path)/\(name).yaml", name],
                environment: MonitorStarter.environment, input: nothing, output: writer,
                error: StandardStream.error.descriptor
            ).start()
            return try Self.output(of: child, reader, consume writer)
        }
        var decoder = ControlFrameDecoder<FabricReply>()
        decoder.append(bytes)
        switch (try? decoder.next())?.content {
        case .policy(let policy): return policy
        case .refused(let text): throw .invalid(text)
        default: throw .invalid("\(program) does not say what the policy \(quoted(name)) is")
        }
    }

    /// What a program prints to its end; it is killed where that does not come in time.
    private static func output(
        of child: ChildProcess, _ reader: OwnedDescriptor, _ writer: consuming OwnedDescriptor
    ) throws(SystemError) -> [UInt8] {
        // From here on the program alone can write.
        _ = consume writer
        let deadline = Deadline(inMilliseconds: patience)
        var bytes: [UInt8] = []
        while bytes.count <= maxBytes {
            guard try reader.isReadable(by: deadline) else { break }
            let piece = try reader.read(atMost: 64 << 10)
            if piece.isEmpty { break }
            bytes += piece
        }
        sendSignal(SIGKILL, to: child.id)
        _ = try child.waitForEnd()
        return bytes
    }
}
