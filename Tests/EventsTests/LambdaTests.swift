import Testing

@testable import Events

@Suite struct LambdaTests {
    @Test func callsOfTheRuntimeAPIAreDistinguished() {
        #expect(RuntimeCall(method: "GET", target: "/2018-06-01/runtime/invocation/next") == .next)
        #expect(
            RuntimeCall(method: "POST", target: "/2018-06-01/runtime/invocation/id-1/response") == .response(id: "id-1")
        )
        #expect(RuntimeCall(method: "POST", target: "/2018-06-01/runtime/invocation/id-1/error") == .error(id: "id-1"))
        #expect(RuntimeCall(method: "POST", target: "/2018-06-01/runtime/init/error?x=1") == .initError)
        #expect(RuntimeCall(method: "POST", target: "/2018-06-01/runtime/invocation/next") == nil)
        #expect(RuntimeCall(method: "GET", target: "/2020-01-01/extension/register") == nil)
        #expect(RuntimeCall(method: "GET", target: "") == nil)
    }

    @Test func aFunctionIsNamedByNameOrARN() throws {
        func name(_ text: String) throws -> String {
            try InvokeRequest(
                method: "POST", target: "/2015-03-31/functions/\(text)/invocations", kind: nil, logType: nil
            ).function
        }
        #expect(try name("resize") == "resize")
        #expect(try name("resize:PROD") == "resize")
        #expect(try name("arn:aws:lambda:eu-west-1:123456789012:function:resize:1") == "resize")
        #expect(try name("arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Aresize") == "resize")
    }

    @Test func whatMakesNoSenseHasLambdasAnswer() {
        #expect(throws: InvokeError.self) {
            try InvokeRequest(method: "GET", target: "/2015-03-31/functions/", kind: nil, logType: nil)
        }
        do throws(InvokeError) {
            _ = try InvokeRequest(
                method: "POST", target: "/2015-03-31/functions/a/invocations", kind: "Later", logType: nil)
            Issue.record("taken")
        } catch { #expect(error.kind == .invalidParameter && error.kind.status == 400) }
    }

    @Test func anIdentifierIsAUUIDOfVersionFour() {
        let parts = LambdaInvocation.freshID().split(separator: "-")
        #expect(parts.map(\.count) == [8, 4, 4, 4, 12])
        #expect(parts[2].hasPrefix("4") && "89ab".contains(parts[3].first ?? " "))
    }

    @Test func aTraceGoesOnWhereTheCallersMakesSense() {
        let given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let trace = TraceContext(traceparent: given)
        #expect(trace?.trace == "0af7651916cd43dd8448eb211c80319c" && trace?.parent == "b7ad6b7169203331")
        #expect(trace?.text.hasPrefix("00-0af7651916cd43dd8448eb211c80319c-") == true)
        #expect(trace?.text != given)
        for bad in ["", "00-0-0-0", "ff" + given.dropFirst(2), given + "-x", given.uppercased()] {
            #expect(TraceContext(traceparent: bad) == nil, "\(bad)")
        }
    }
}
