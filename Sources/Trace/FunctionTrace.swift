/// A function's source, as a container has traced it.
public struct FunctionTrace: Sendable {
    /// The source's path in the container.
    public let path: String
    /// SHA-256 of the source, hexadecimal.
    public let digest: String
    /// The source's tree: a Program.
    public let program: SyntaxNode
    /// By where they begin.
    public let sites: [Int: SiteProfile]
    /// Where lines begin.
    private let lines: [Int]

    static let version = 1
    static let maxSites = 100_000

    /// Reads what a container has sent.
    public init(_ bytes: [UInt8]) throws(TraceError) {
        let document = try TraceDocument(bytes)
        guard document["version"]?.count == Self.version else {
            throw TraceError("version \(document["version"] ?? .null)", expected: "\(Self.version)")
        }
        guard let path = document["path"]?.text, let digest = document["digest"]?.text else {
            throw TraceError("no path and digest", expected: "both")
        }
        guard digest.utf8.count == 64,
            digest.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else {
            throw TraceError("the digest \(digest.prefix(80))", expected: "64 hexadecimal digits")
        }
        self.path = path
        self.digest = digest
        program = try SyntaxNode(document["ast"] ?? .null)
        guard program.kind == "Program" else { throw TraceError("a tree of \(program.kind)", expected: "a Program") }
        lines = (document["lines"]?.elements ?? []).compactMap(\.count).sorted()
        let entries = document["sites"]?.elements ?? []
        guard entries.count <= Self.maxSites else {
            throw TraceError("\(entries.count) sites", expected: "at most \(Self.maxSites)")
        }
        var sites: [Int: SiteProfile] = [:]
        for entry in entries {
            let site = try SiteProfile(entry)
            sites[site.start] = site
        }
        self.sites = sites
    }

    /// Line and column of a place, from 1.
    public func position(of start: Int) -> (line: Int, column: Int) {
        var low = 0
        var high = lines.count
        while low < high {
            let middle = (low + high) / 2
            if lines[middle] <= start { low = middle + 1 } else { high = middle }
        }
        return (max(low, 1), start - (low > 0 ? lines[low - 1] : 0) + 1)
    }
}

/// What was seen at a place of the source.
public struct SiteProfile: Equatable, Sendable {
    public let start: Int
    /// How often control came by.
    public let count: Int
    /// Kinds of the values that were there ("number", "string", …).
    public let types: Set<String>
    /// Where the functions begin that were called from here; -1 for one of another source, or of the language's own.
    public let callees: [Int]

    static let maxSeen = 16

    /// Reads `[start, count, [type…], [callee…]]`.
    init(_ document: TraceDocument) throws(TraceError) {
        guard let parts = document.elements, parts.count == 4, let start = parts[0].count, let count = parts[1].count,
            let types = parts[2].elements, let callees = parts[3].elements
        else { throw TraceError("a site", expected: "[start, count, [type…], [callee…]]") }
        guard types.count <= Self.maxSeen, callees.count <= Self.maxSeen else {
            throw TraceError("\(max(types.count, callees.count)) types or callees", expected: "at most \(Self.maxSeen)")
        }
        self.start = start
        self.count = count
        self.types = Set(types.compactMap(\.text))
        self.callees = callees.map { $0.count ?? -1 }
    }
}
