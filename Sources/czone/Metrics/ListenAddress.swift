import ArgumentParser

/// `HOST:PORT`, the host an address in numbers, of version 6 in brackets; `PORT` alone is on the loopback interface only.
struct ListenAddress: ExpressibleByArgument, Equatable {
    let host: String
    let port: UInt16

    init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    init?(argument: String) {
        var host = "127.0.0.1"
        var port = Substring(argument)
        if let colon = argument.lastIndex(of: ":") {
            host = String(argument[..<colon])
            port = argument[argument.index(after: colon)...]
            if host.hasPrefix("["), host.hasSuffix("]") {
                host = String(host.dropFirst().dropLast())
            } else if host.contains(":") || host.isEmpty {
                return nil
            }
        }
        guard let number = UInt16(port) else { return nil }
        self.host = host
        self.port = number
    }
}
