import NIOHTTP1
import Testing

@testable import Gateway

@Suite struct RequestHeadersTests {
    private func forwarded(_ headers: HTTPHeaders, _ change: (inout RequestHeaders.Caller) -> Void = { _ in })
        -> HTTPHeaders
    {
        var caller = RequestHeaders.Caller()
        (caller.address, caller.requestID) = ("10.0.0.1", "r")
        change(&caller)
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/f/x", headers: headers)
        return RequestHeaders.forwarded(head, to: "/x", caller: caller).headers
    }

    @Test func whatIsAboutOneConnectionIsNotPassedOn() {
        let headers = forwarded([
            "Connection": "keep-alive, X-Secret", "X-Secret": "1", "TE": "trailers", "Keep-Alive": "5",
            "Proxy-Authorization": "x", "Accept": "*/*", "Upgrade": "h2c",
        ])
        for name in ["Connection", "X-Secret", "TE", "Keep-Alive", "Proxy-Authorization", "Upgrade"] {
            #expect(!headers.contains(name: name), "\(name)")
        }
        #expect(headers["Accept"] == ["*/*"])
    }

    @Test func aCallerCannotHaveTheBodysLengthTakenAway() {
        #expect(forwarded(["Connection": "content-length", "Content-Length": "5"])["Content-Length"] == ["5"])
    }

    @Test func theWayIsReported() {
        let headers = forwarded(["X-Forwarded-For": "192.0.2.1", "Host": "h", "X-Forwarded-Proto": "https"]) {
            $0.prefix = "/f"
        }
        #expect(headers["X-Forwarded-For"] == ["192.0.2.1, 10.0.0.1"])
        #expect(headers["X-Forwarded-Proto"] == ["http"] && headers["X-Forwarded-Host"] == ["h"])
        #expect(headers["X-Forwarded-Prefix"] == ["/f"] && headers["X-Request-Id"] == ["r"])
        #expect(headers["traceparent"].count == 1)
    }

    @Test func theGatewaysTokenStaysWithIt() {
        #expect(!forwarded(["Authorization": "Bearer x"]) { $0.isAuthorized = true }.contains(name: "authorization"))
        #expect(forwarded(["Authorization": "Bearer x"]).contains(name: "authorization"))
    }

    @Test func aRequestIDIsTheCallersWhereItIsPlain() {
        #expect(RequestHeaders.requestID(["X-Request-Id": "abc-1"]) == "abc-1")
        for bad in ["", "a b", String(repeating: "x", count: 129)] {
            #expect(RequestHeaders.requestID(["X-Request-Id": bad]).utf8.count == 32)
        }
    }
}
