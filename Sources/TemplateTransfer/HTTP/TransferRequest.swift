package import NIOHTTP1
package import TemplateRegistry

/// A request; its connection and the header `Host` are the transport's.
package struct TransferRequest: Sendable {
    package var method: HTTPMethod
    package var url: RegistryURL
    package var headers: [(String, String)] = []
    package var body: [UInt8] = []
    /// A longer answer is refused, in bytes.
    package var maxAnswer = 64 << 10

    package init(_ method: HTTPMethod, _ url: RegistryURL) {
        self.method = method
        self.url = url
    }
}

/// A whole answer.
package struct TransferAnswer: Sendable {
    package let status: Int
    package let headers: HTTPHeaders
    package let body: [UInt8]

    package init(status: Int, headers: HTTPHeaders, body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}
