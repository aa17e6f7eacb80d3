import LeanJSON
public import SandboxProtocol
import Trace
import TraceCompiler

/// What is known of a compiled function: what its aborts' sites are, and what of it is not compiled.
public struct CompileReport: Equatable, Sendable {
    /// A place of the source, from 1.
    public struct Position: Equatable, Sendable {
        public let line: Int
        public let column: Int
    }

    /// The source's path and SHA-256, as the container has sent them.
    public let path: String
    public let digest: String
    /// By the numbers that aborts have.
    public let sites: [Position]
    /// Constructs that end an event that comes there.
    public let unsupported: [Position]
    public internal(set) var codeBytes = 0

    init(_ trace: FunctionTrace, _ program: CompiledProgram) {
        path = trace.path
        digest = trace.digest
        func positions(_ sites: [Site]) -> [Position] {
            sites.map { site in
                let (line, column) = trace.position(of: site.start)
                return Position(line: line, column: column)
            }
        }
        sites = positions(program.sites)
        unsupported = positions(program.unsupported)
    }

    /// An abort for people: its reason, and where in the source.
    public func describe(_ abort: Abort) -> String {
        guard sites.indices.contains(abort.site) else { return "\(abort.reason)" }
        return "\(abort.reason) at \(path):\(sites[abort.site].line):\(sites[abort.site].column)"
    }

    /// As JSON, one object.
    public var json: [UInt8] {
        var writer = JSONWriter()
        writer.text("path", path)
        writer.text("digest", digest)
        writer.number("code-bytes", codeBytes)
        func list(_ positions: [Position]) -> [[UInt8]] { positions.map { Array("[\($0.line),\($0.column)]".utf8) } }
        writer.list("sites", list(sites))
        writer.list("unsupported", list(unsupported))
        return writer.object
    }
}
