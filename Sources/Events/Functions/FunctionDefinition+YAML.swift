public import Definitions
import FabricPolicies
import LinuxSystem
import Runtime

extension FunctionDefinition {
    /// A longer document is refused unread.
    public static let maxBytes = 64 << 10

    /// Reads a definition.
    /// - Throws: what is wrong first, with its line.
    public init(yaml text: String, file: String) throws(DefinitionError) {
        var reader = try DefinitionReader(yaml: text, of: "a function's", file: file, atMost: Self.maxBytes)
        var (name, image) = ("", "")
        try reader.read("name", into: &name, expected: "1 to 63 of a-z, 0-9 and -, a letter first") {
            Self.isName($0) ? $0 : nil
        }
        try reader.read("image", into: &image, expected: "an image, as czone run takes it") {
            $0.isEmpty ? nil : $0
        }
        guard !name.isEmpty else { throw reader.error("name", nil, "is missing") }
        guard !image.isEmpty else { throw reader.error("image", nil, "is missing") }
        self.init(name: name, image: image)
        try readContainer(&reader)
        try readRequests(&reader)
        try reader.end()
    }

    /// What its containers are.
    private mutating func readContainer(_ reader: inout DefinitionReader) throws(DefinitionError) {
        try reader.read("tenant", into: &tenant, expected: "a name of letters, digits, dot, hyphen and underscore") {
            (try? FunctionKey.check($0, is: "tenant")) == nil ? nil : $0
        }
        try reader.readTexts("command", into: &command, atMost: 1024)
        try reader.read("kind", into: &kind, expected: "http, lambda or handler") { Kind(rawValue: $0) }
        try reader.readNumber("port", into: &port, in: 1...65535)
        try reader.read("memory", into: &memoryInBytes, expected: "a size such as 256M") { text in
            ByteSize(text).flatMap { $0.bytes > 0 ? .some($0.bytes) : nil }
        }
        try reader.read("cpus", into: &milliCPUs, expected: "a number of CPUs such as 0.5, from 0.01 to 1024") { text in
            Double(text).flatMap { (0.01...1024).contains($0) ? .some(UInt64($0 * 1000)) : nil }
        }
        try reader.readFlag("warmStart", into: &warmStart)
        try readHandler(&reader)
        try reader.readVariables("environment", into: &environment)
        try reader.readTexts("volumes", into: &volumes, atMost: 64)
        for volume in volumes where (try? VolumeArgument(volume)) == nil {
            throw reader.error("volumes", nil, "has \(quoted(volume)): expected SRC:DST or SRC:DST:ro")
        }
        var network = "none"
        try reader.read("network", into: &network, expected: "none: a function's container has its loopback alone") {
            $0 == "none" ? $0 : nil
        }
        try reader.read("fabric", into: &fabric, expected: "the name of a policy of /etc/czone/fabric") {
            FabricPolicy.isName($0) ? .some($0) : nil
        }
    }

    /// What is about functions of the kind handler, mostly.
    private mutating func readHandler(_ reader: inout DefinitionReader) throws(DefinitionError) {
        let isModule = kind == .handler
        try reader.read(
            "handler", into: &handler, expected: isModule ? "the absolute path of a module in the image" : "a text"
        ) { !isModule || $0.hasPrefix("/") && !$0.utf8.contains(0) ? $0 : nil }
        guard !isModule || !handler.isEmpty else {
            throw reader.error("handler", nil, "is missing: expected the absolute path of a module in the image")
        }
        let other = "is of functions of the kind handler: this one is \(kind.rawValue)"
        var words: [String] = []
        try reader.readTexts("fetch", into: &words, atMost: 64)
        guard isModule || words.isEmpty else { throw reader.error("fetch", nil, other) }
        fetch = []
        for word in words {
            guard let endpoint = FabricPolicy.Endpoint(word), !endpoint.host.contains("{") else {
                throw reader.error("fetch", nil, "has \(quoted(word)): expected http:// or https://, a host and a port")
            }
            guard IPAddress(endpoint.host)?.isOfHostAlone != true else {
                throw reader.error(
                    "fetch", nil, "has \(quoted(word)): expected no address of the host's own, its wire or its provider"
                )
            }
            fetch.append(endpoint)
        }
        let expected =
            !isModule
            ? "off: only functions of the kind handler are compiled"
            : warmStart ? "off: copies of a process (warmStart) cannot be traced" : "on, off or observe"
        let isCompilable = isModule && !warmStart
        try reader.read("accelerate", into: &acceleration, expected: expected) { word in
            Acceleration(rawValue: word).flatMap { isCompilable || $0 == .off ? $0 : nil }
        }
        let share =
            isModule
            ? "a share of events such as 0.01, from 0 to 1" : "0: only functions of the kind handler are compiled"
        try reader.read("verify", into: &verifiedPermille, expected: share) { text in
            Double(text).flatMap { (0...1).contains($0) ? Int(($0 * 1000).rounded()) : nil }
                .flatMap { isModule || $0 == 0 ? $0 : nil }
        }
    }

    /// How it is asked.
    private mutating func readRequests(_ reader: inout DefinitionReader) throws(DefinitionError) {
        try reader.readNumber("concurrency", into: &concurrency, in: 1...1000)
        if kind == .lambda, concurrency != 1 {
            throw reader.error("concurrency", nil, "is \(concurrency): a Lambda runtime takes one event at a time")
        }
        try reader.readTime("timeout", into: &timeoutInMilliseconds, in: 1...86_400_000)
        try reader.readNumber("queue", into: &queue, in: 0...100_000)
        try reader.readFlag("retry", into: &retries)
        try reader.readTexts("hosts", into: &hosts, atMost: 64)
        hosts = hosts.map { $0.lowercased() }
        try reader.readFields("scale") { reader throws(DefinitionError) in try scale.read(&reader) }
    }

    /// What a name of a function is; it stands in paths, host names and files.
    public static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, (0x61...0x7A).contains(first), text.utf8.count <= 63 else { return false }
        return text.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-")
        }
    }
}

extension FunctionDefinition.Scale {
    fileprivate mutating func read(_ reader: inout DefinitionReader) throws(DefinitionError) {
        try reader.readNumber("min", into: &min, in: 0...1000)
        try reader.readNumber("max", into: &max, in: 1...1000)
        guard min <= max else { throw reader.error("min", nil, "is \(min), more than max, which is \(max)") }
        try reader.read("target", into: &targetPercent, expected: "a part such as 0.7, from 0.01 to 1") { text in
            Double(text).flatMap { (0.01...1).contains($0) ? Int(($0 * 100).rounded()) : nil }
        }
        try reader.readTime("window", into: &windowInMilliseconds, in: 1000...3_600_000)
        try reader.readTime("panic", into: &panicInMilliseconds, in: 1000...3_600_000)
        try reader.readTime("idle", into: &idleInMilliseconds, in: 0...86_400_000)
        try reader.readTime("pause", into: &pauseInMilliseconds, in: 0...86_400_000)
    }
}
