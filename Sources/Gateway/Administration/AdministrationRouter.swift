import Events
import HTTPExchange
import LeanJSON
import LinuxSystem
import NIOCore
import NIOHTTP1
import NIOPosix

/// What root asks of the gateway, by HTTP on a Unix socket:
///
/// | request | answer |
/// |---|---|
/// | GET /functions | all functions |
/// | POST /functions | defines the function whose YAML the body is |
/// | GET, DELETE /functions/NAME | one function; its removal |
/// | GET /functions/NAME/log | the end of what it printed |
/// | any method /functions/NAME/invoke… | as if a caller had asked for /NAME… |
/// | GET /metrics | for Prometheus |
final class AdministrationRouter: Routing {
    private static let maxLogBytes = 1 << 20

    private let catalog: FunctionCatalog
    private let logs: FunctionLogs
    private let router: Router
    private let threads: NIOThreadPool

    init(_ catalog: FunctionCatalog, _ logs: FunctionLogs, _ router: Router, threads: NIOThreadPool) {
        self.catalog = catalog
        self.logs = logs
        self.router = router
        self.threads = threads
    }

    func exchange(for head: HTTPRequestHead, _ front: FrontHandler) -> any FrontExchange {
        guard let eventLoop = front.channel?.eventLoop else { return AnsweredExchange() }
        let path = head.uri.prefix { $0 != "?" }
        let parts = path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        if parts.count >= 3, parts[0] == "functions", parts[2] == "invoke" {
            var forwarded = head
            let prefix = "/functions/\(parts[1])/invoke"
            forwarded.uri = "/\(parts[1])\(head.uri.dropFirst(prefix.utf8.count))"
            return router.exchange(for: forwarded, front)
        }
        let (catalog, logs, method) = (catalog, logs, head.method)
        return CollectedExchange(front, on: eventLoop, threads: threads) { body in
            try Self.answer(method, parts, body, catalog, logs)
        }
    }

    private static func answer(
        _ method: HTTPMethod, _ parts: [String], _ body: [UInt8], _ catalog: FunctionCatalog, _ logs: FunctionLogs
    ) throws -> Answer {
        switch (method, parts.first, parts.count) {
        case (.GET, "metrics", 1):
            return Answer(contentType: GatewayMetrics.contentType, body: GatewayMetrics.text(of: catalog))
        case (.GET, "functions", 1): return .json(list(catalog))
        case (.POST, "functions", 1):
            let definition = try catalog.create(body)
            return .text(.created, definition.name)
        case (.GET, "functions", 2):
            guard let service = catalog.service(parts[1]) else { return unknown(parts[1]) }
            return .json(service.json)
        case (.DELETE, "functions", 2):
            return try catalog.delete(parts[1]) ? .text(.ok, parts[1]) : unknown(parts[1])
        case (.GET, "functions", 3) where parts[2] == "log":
            guard catalog.service(parts[1]) != nil else { return unknown(parts[1]) }
            let bytes = try FileSystem.tail(of: logs.path(of: parts[1]), atMost: maxLogBytes) ?? []
            return Answer(contentType: "text/plain; charset=utf-8", body: bytes)
        default: return .text(.notFound, "there is no such request")
        }
    }

    private static func unknown(_ name: String) -> Answer {
        .text(.notFound, "there is no function \(quoted(name))")
    }

    private static func list(_ catalog: FunctionCatalog) -> [UInt8] {
        var json = JSONWriter()
        json.list("functions", catalog.all.map(\.json))
        json.texts("errors", catalog.errors)
        return json.object
    }
}
