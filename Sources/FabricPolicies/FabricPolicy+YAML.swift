public import Definitions
import LinuxSystem

extension FabricPolicy {
    /// A longer document is refused unread.
    public static let maxBytes = 64 << 10
    private static let maxServices = 16
    private static let maxValues = 256

    /// Reads a policy.
    /// - Throws: what is wrong first, with its line and field.
    public init(yaml text: String, name: String, file: String) throws(DefinitionError) {
        self.init(name: name)
        var reader = try DefinitionReader(yaml: text, of: "a policy's", file: file, atMost: Self.maxBytes)
        try reader.readTexts("tenants", into: &tenants, atMost: Self.maxValues)
        guard !tenants.isEmpty, tenants.allSatisfy({ $0 == "*" || Self.isName($0) }) else {
            throw reader.error("tenants", nil, "is no list of tenants: expected names, or \"*\" for everybody")
        }
        try reader.readNumber("port", into: &port, in: 1...65535)
        var services: [Service] = []
        try reader.readList("services", atMost: Self.maxServices) { reader throws(DefinitionError) in
            services.append(try Service(&reader))
        }
        guard !services.isEmpty else { throw reader.error("services", nil, "is missing: nothing could be reached") }
        self.services = services
        try readCredentials(&reader)
        try reader.readFields("limits") { reader throws(DefinitionError) in
            try reader.readNumber("connections", into: &maxConnections, in: 1...64)
            try reader.readTime("timeout", into: &timeoutInMilliseconds, in: 1000...600_000)
        }
        try reader.end()
    }

    private mutating func readCredentials(_ reader: inout DefinitionReader) throws(DefinitionError) {
        var (path, profile, isOfEnvironment) = ("", "default", false)
        try reader.readFields("credentials") { reader throws(DefinitionError) in
            try reader.read("file", into: &path, expected: "the absolute path of a file") {
                $0.hasPrefix("/") && !$0.utf8.contains(0) ? $0 : nil
            }
            try reader.read("profile", into: &profile, expected: "the name of a section") {
                $0.isEmpty || $0.contains("]") || $0.contains("\n") ? nil : $0
            }
            try reader.readFlag("environment", into: &isOfEnvironment)
        }
        guard path.isEmpty == isOfEnvironment else {
            throw reader.error(
                "credentials", nil, "names no source of keys, or two: expected file, or environment: true")
        }
        credentials = path.isEmpty ? .environment : .file(path: path, profile: profile)
    }

    /// What a name of a policy or tenant is; it stands in paths.
    public static func isName(_ text: String) -> Bool {
        let isPlain = text.utf8.allSatisfy { isAlphanumeric($0) || "._-".utf8.contains($0) }
        return isPlain && (1...128).contains(text.utf8.count) && text.utf8.first.map { isAlphanumeric($0) } == true
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
}

extension FabricPolicy.Service {
    private static let maxValues = 256

    init(_ reader: inout DefinitionReader) throws(DefinitionError) {
        self.init()
        // Others' answers may carry keys (STS, ECR, Cognito), and their signatures are made in another way.
        try reader.read("service", into: &name, expected: "s3: the only service yet") { $0 == "s3" ? $0 : nil }
        try reader.readTexts("regions", into: &regions, atMost: Self.maxValues)
        guard !regions.isEmpty, regions.allSatisfy(Self.isRegion) else {
            throw reader.error("regions", nil, "is no list of regions such as us-east-1")
        }
        try reader.readTexts("buckets", into: &buckets, atMost: Self.maxValues)
        guard !buckets.isEmpty, buckets.allSatisfy(Self.isBucketPattern) else {
            throw reader.error("buckets", nil, "is no list of buckets: expected names, * at an end for any rest")
        }
        try reader.read("endpoint", into: &endpoint, expected: "http:// or https:// with a host and maybe a port") {
            Endpoint($0).map { .some($0) }
        }
        var ranges: [String] = []
        try reader.readTexts("addresses", into: &ranges, atMost: Self.maxValues)
        for text in ranges {
            guard let range = AddressRange(text) else {
                throw reader.error("addresses", nil, "has \(quoted(text)): expected a range such as 10.1.0.0/16")
            }
            addresses.append(range)
        }
        try reader.read("certificates", into: &certificates, expected: "the absolute path of a PEM file") {
            $0.hasPrefix("/") && !$0.utf8.contains(0) ? .some($0) : nil
        }
    }

    private typealias Endpoint = FabricPolicy.Endpoint

    private static func isRegion(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count)
            && text.utf8.allSatisfy { Self.isLowerOrDigit($0) || $0 == UInt8(ascii: "-") }
    }

    private static func isBucketPattern(_ text: String) -> Bool {
        let name = text.hasSuffix("*") ? text.dropLast() : text[...]
        return name.utf8.count <= 63 && !text.isEmpty
            && name.utf8.allSatisfy { Self.isLowerOrDigit($0) || ".-".utf8.contains($0) }
    }

    private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte)
    }
}

extension FabricPolicy.Endpoint {
    /// `https://HOST[:PORT]` or `http://…`, the host a name, in which `{region}` stands for the region, or an address, of
    /// version 6 in brackets; nil for anything else.
    public init?(_ text: String) {
        let isSecure = text.hasPrefix("https://")
        guard isSecure || text.hasPrefix("http://") else { return nil }
        var rest = text.dropFirst(isSecure ? 8 : 7)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        var host = rest
        var port = isSecure ? "443" : "80"
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = rest[rest.index(after: rest.startIndex)..<end]
            let behind = rest[rest.index(after: end)...]
            guard IPAddress(String(host)) != nil, behind.isEmpty || behind.hasPrefix(":") else { return nil }
            if !behind.isEmpty { port = String(behind.dropFirst()) }
        } else {
            let parts = rest.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2, Self.isHost(parts[0].replacing("{region}", with: "x")) else { return nil }
            host = parts[0]
            if parts.count == 2 { port = String(parts[1]) }
        }
        guard let number = UInt16(port), number > 0, String(number) == port else { return nil }
        self.init(isSecure: isSecure, host: String(host), port: number)
    }

    private static func isHost(_ text: Substring) -> Bool {
        let isPlain = text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || ".-".utf8.contains(byte)
        }
        guard isPlain, (1...253).contains(text.utf8.count), !text.hasPrefix("."), !text.hasPrefix("-") else {
            return false
        }
        // 2130706433 and 127.1 are addresses to some resolvers, and to others names.
        let last = text.split(separator: ".").last ?? ""
        return IPAddress(String(text)) != nil
            || !last.utf8.allSatisfy { (0x30...0x39).contains($0) } && !last.hasPrefix("0x")
    }
}
