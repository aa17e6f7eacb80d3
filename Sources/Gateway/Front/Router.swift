import Events
import HTTPExchange
import NIOCore
import NIOHTTP1
import NIOSSL

/// What a listener's connections have in common. Immutable.
struct ListenerTraits: Sendable {
    /// Connections are TLS's.
    var secure: NIOSSLContext?
    /// Whose token a caller must bring; nil: none is asked for.
    var tokens: TokenList?
}

/// Finds the function that a request is for, and makes the exchange that serves it. Any event loop may use it.
final class Router: Routing {
    private let catalog: FunctionCatalog
    private let log: AccessLog
    private let traits: ListenerTraits
    /// Makes handlers' external calls.
    private let client: OriginClient

    init(
        _ catalog: FunctionCatalog, _ log: AccessLog, _ client: OriginClient,
        _ traits: ListenerTraits = ListenerTraits()
    ) {
        self.client = client
        self.catalog = catalog
        self.log = log
        self.traits = traits
    }

    func exchange(for head: HTTPRequestHead, _ front: FrontHandler) -> any FrontExchange {
        guard let channel = front.channel else { return AnsweredExchange() }
        guard head.method != .CONNECT, head.uri.hasPrefix("/") else {
            front.answer(.badRequest, "the target of a request is a path: this is no proxy")
            return AnsweredExchange()
        }
        guard let tenant = authorize(head, front) else { return AnsweredExchange() }
        if InvokeRequest.isTarget(head.uri) { return invocation(head, front, channel, tenant) }
        guard let place = place(of: head), tenant.mayUse(place.service) else {
            front.answer(.notFound, "no function is called by this path and host")
            return AnsweredExchange()
        }
        do throws(CloudEvent.Malformed) {
            _ = try CloudEvent.binary(headers: head.headers.map { (name: $0.name, value: $0.value) })
        } catch {
            front.answer(.badRequest, "\(error)")
            return AnsweredExchange()
        }
        var caller = caller(head, front, channel, tenant)
        (caller.prefix, caller.target) = (place.prefix, place.target)
        return begin(place.service, caller, head, front, channel)
    }

    private func begin(
        _ service: FunctionService, _ caller: RequestHeaders.Caller, _ head: HTTPRequestHead, _ front: FrontHandler,
        _ channel: any Channel
    ) -> any FrontExchange {
        let record = record(service, caller, head)
        switch service.definition.kind {
        case .http:
            let exchange = ProxyExchange(
                service, front, head, caller, on: channel.eventLoop, record: record)
            exchange.begin()
            return exchange
        case .handler:
            let exchange = HandlerExchange(
                service, front, head, caller, client, on: channel.eventLoop, record: record)
            exchange.beginReceiving()
            return exchange
        case .lambda:
            let exchange = LambdaExchange(
                service, front, head, caller, .plain, on: channel.eventLoop, record: record)
            exchange.beginReceiving()
            return exchange
        }
    }

    // MARK: Lambda's Invoke API

    private func invocation(
        _ head: HTTPRequestHead, _ front: FrontHandler, _ channel: any Channel, _ tenant: TokenList.Grant
    ) -> any FrontExchange {
        do throws(InvokeError) {
            let request = try InvokeRequest(
                method: head.method.rawValue, target: head.uri,
                kind: head.headers.first(name: "x-amz-invocation-type"),
                logType: head.headers.first(name: "x-amz-log-type"))
            guard let service = catalog.service(request.function), tenant.mayUse(service),
                service.definition.kind == .lambda
            else {
                let arn = LambdaInvocation.arn(of: request.function)
                throw InvokeError(.notFound, "Function not found: \(arn)")
            }
            let caller = caller(head, front, channel, tenant)
            let exchange = LambdaExchange(
                service, front, head, caller, .invoke(request), on: channel.eventLoop,
                record: record(service, caller, head))
            exchange.beginReceiving()
            return exchange
        } catch {
            front.answer(.init(statusCode: error.kind.status), ByteBuffer(bytes: error.body), headers: error.headers)
            return AnsweredExchange()
        }
    }

    // MARK: the caller and the function

    /// Nil where the caller was refused.
    private func authorize(_ head: HTTPRequestHead, _ front: FrontHandler) -> TokenList.Grant? {
        guard let tokens = traits.tokens else { return .all }
        guard let grant = tokens.grant(head.headers.first(name: "authorization")) else {
            front.answer(
                .unauthorized, "a bearer token of a tenant is needed", headers: [("WWW-Authenticate", "Bearer")])
            return nil
        }
        return grant
    }

    private func caller(
        _ head: HTTPRequestHead, _ front: FrontHandler, _ channel: any Channel, _ tenant: TokenList.Grant
    ) -> RequestHeaders.Caller {
        var caller = RequestHeaders.Caller()
        caller.address = channel.remoteAddress?.ipAddress ?? "unix"
        caller.isSecure = traits.secure != nil
        caller.isAuthorized = traits.tokens != nil
        caller.requestID = RequestHeaders.requestID(head.headers)
        if let parent = head.headers.first(name: "traceparent"), let trace = TraceContext(traceparent: parent) {
            caller.trace = trace
        }
        caller.target = head.uri
        caller.isUpgrade =
            !front.http.isEmpty && head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
            // HTTP/2 is spoken with the gateway, by clients that know that it is (RFC 9113, section 3.1).
            && head.headers.first(name: "upgrade")?.lowercased() != "h2c"
        return caller
    }

    /// By the host's name, else by the first component of the path.
    private func place(of head: HTTPRequestHead) -> (service: FunctionService, prefix: String, target: String)? {
        if let host = head.headers.first(name: "host"), let service = catalog.service(host: Self.name(of: host)) {
            return (service, "", head.uri)
        }
        let name = head.uri.dropFirst().prefix { $0 != "/" && $0 != "?" }
        guard let service = catalog.service(String(name)) else { return nil }
        let rest = head.uri.dropFirst(1 + name.count)
        return (service, "/\(name)", rest.hasPrefix("/") ? String(rest) : "/" + rest)
    }

    /// Without the port.
    private static func name(of host: String) -> String {
        if host.hasPrefix("[") { return host.lowercased() }
        return host.prefix { $0 != ":" }.lowercased()
    }

    private func record(
        _ service: FunctionService, _ caller: RequestHeaders.Caller, _ head: HTTPRequestHead
    ) -> RequestRecord {
        let line = AccessLine(
            function: service.name, method: head.method.rawValue, target: head.uri, caller: caller.address,
            requestID: caller.requestID, trace: caller.trace.trace)
        return RequestRecord(line, service.account, log)
    }
}
