import LinuxSystem
public import Logging
public import Logs
import NIOSSL

/// What the gateway is started with.
public struct GatewayOptions: Equatable, Sendable {
    /// An address to listen on.
    public struct Listen: Equatable, Sendable {
        public var host: String
        public var port: Int

        /// `HOST:PORT`, the host an address in numbers, of version 6 in brackets; `PORT` alone is on the loopback.
        public init?(_ text: String) {
            var host = "127.0.0.1"
            var port = Substring(text)
            if let colon = text.lastIndex(of: ":") {
                host = String(text[..<colon])
                port = text[text.index(after: colon)...]
                if host.hasPrefix("["), host.hasSuffix("]") {
                    host = String(host.dropFirst().dropLast())
                } else if host.contains(":") || host.isEmpty {
                    return nil
                }
            }
            guard let number = UInt16(port) else { return nil }
            (self.host, self.port) = (host, Int(number))
        }

        /// Nobody but processes of this host reaches it.
        var isLoopback: Bool { host == "::1" || host.hasPrefix("127.") }
    }

    public var listen: [Listen] = []
    /// A directory of definitions.
    public var functions = "/etc/czone/functions"
    /// Registry and store; nil: as for `czone`.
    public var root: String?
    public var store: String?
    /// Where root asks it; nil: gateway.sock in the registry's directory.
    public var socket: String?
    /// A directory for functions' logs.
    public var logs = "/var/log/czone/functions"
    /// A file; nil: there is no access log.
    public var accessLog: String?
    /// A file of tenants' tokens; nil: none is asked for.
    public var tokenFile: String?
    /// The level and the format of the log on standard error; nil: as the environment says.
    public var logLevel: Logger.Level?
    public var logFormat: LogFormat?
    /// Containers have a VM of their own each, without zones: for comparison.
    public var isAlone = false
    /// PEM files: with them every address but the administration's is TLS's.
    public var certificateFile: String?
    public var keyFile: String?
    /// Callers that may be connected at a time.
    public var maxConnections = 10_000

    public init() {}

    /// Reads a command line.
    /// - Throws: `UsageError`.
    public init(_ arguments: [String]) throws {
        var rest = arguments[...]
        while let word = rest.popFirst() {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts[0].hasPrefix("--"), let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
                throw UsageError("\(quoted(word)) is no option with a value. \(Self.usage)")
            }
            try set(String(parts[0].dropFirst(2)), value)
        }
        guard (certificateFile == nil) == (keyFile == nil) else {
            throw UsageError("--certificate and --key go together")
        }
        if listen.isEmpty { listen = [Listen("8080")].compactMap { $0 } }
    }

    private mutating func set(_ name: String, _ value: String) throws {
        switch name {
        case "listen":
            guard let address = Listen(value) else {
                throw UsageError("--listen \(quoted(value)): expected PORT, ADDRESS:PORT or [ADDRESS]:PORT")
            }
            listen.append(address)
        case "functions": functions = value
        case "root": root = value
        case "store": store = value
        case "socket": socket = value
        case "logs": logs = value
        case "access-log": accessLog = value
        case "tokens": tokenFile = value
        case "log-level":
            logLevel = Logger.Level(rawValue: value)
            guard logLevel != nil else {
                throw UsageError("--log-level \(quoted(value)): expected info, warning, error…")
            }
        case "log-format":
            logFormat = LogFormat(rawValue: value)
            guard logFormat != nil else { throw UsageError("--log-format \(quoted(value)): expected text or json") }
        case "isolation":
            guard ["zones", "vm"].contains(value) else {
                throw UsageError("--isolation \(quoted(value)): expected zones or vm")
            }
            isAlone = value == "vm"
        case "certificate": certificateFile = value
        case "key": keyFile = value
        case "max-connections":
            guard let number = Int(value), (1...1_000_000).contains(number) else {
                throw UsageError("--max-connections \(quoted(value)): expected a number from 1 to 1000000")
            }
            maxConnections = number
        default: throw UsageError("there is no option --\(name). \(Self.usage)")
        }
    }

    private static let usage = """
        Usage: czone-gateway [--listen ADDRESS:PORT]… [--functions DIRECTORY] [--logs DIRECTORY] [--access-log FILE] \
        [--tokens FILE] [--root DIRECTORY] [--store DIRECTORY] [--socket PATH] [--max-connections N] \
        [--certificate FILE --key FILE] [--isolation zones|vm] \
        [--log-level LEVEL] [--log-format text|json]
        """

    func tokens() throws -> TokenList? {
        guard let tokenFile else { return nil }
        guard let bytes = try FileSystem.contents(of: tokenFile, atMost: 1 << 20) else {
            throw StartError("there is no file \(quoted(tokenFile)), which --tokens names")
        }
        return try TokenList(String(decoding: bytes, as: UTF8.self), file: tokenFile)
    }

    /// TLS with the certificate and key of the files; nil: none.
    func secureContext() throws -> NIOSSLContext? {
        guard let certificateFile, let keyFile else { return nil }
        let chain = try NIOSSLCertificate.fromPEMFile(certificateFile).map { NIOSSLCertificateSource.certificate($0) }
        let key = try NIOSSLPrivateKey(file: keyFile, format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2", "http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }

    /// Beyond the loopback nobody is served without a token.
    func check(_ listen: Listen, hasTokens: Bool) throws(StartError) {
        guard listen.isLoopback || hasTokens else {
            throw StartError(
                "will not listen on \(listen.host) without --tokens FILE: anybody who reaches it could run functions")
        }
    }
}

/// A command line that makes no sense.
public struct UsageError: Error, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
