import Testing
import Trace

struct TraceDocumentTests {
    private func read(_ text: String) throws -> TraceDocument { try TraceDocument(Array(text.utf8)) }

    @Test func valuesOfAllKinds() throws {
        let document = try read(#" {"a":[1,-2.5e3,true,null],"b":"x\n\u00e9"} "#)
        #expect(document["a"] == .array([.number(1), .number(-2500), .bool(true), .null]))
        #expect(document["b"]?.text == "x\né")
    }

    @Test func halfASurrogatePairIsKept() throws {
        #expect(try read(#""\ud800""#) == .text(TraceText(units: [0xd800])))
    }

    @Test(arguments: [
        "", "{", "[1,", "\"a", "\"\\x\"", "\"\\u12g4\"", "{\"a\"}", "01x", "nul", "[1]]", "-", "{1:2}", "\"\\u+123\"",
        "nan", "0x10",
        "infinity",
    ])
    func whatIsNoDocumentIsRefused(text: String) {
        #expect(throws: TraceError.self) { try read(text) }
    }

    @Test func depthIsBounded() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: TraceError.self) { try read(deep) }
    }

    @Test func countOfValuesIsBounded() {
        let many = "[" + String(repeating: "0,", count: 1_000_001) + "0]"
        #expect(throws: TraceError.self) { try read(many) }
    }

    @Test func stringsAreBounded() {
        #expect(throws: TraceError.self) { try read("\"" + String(repeating: "a", count: (1 << 20) + 2) + "\"") }
    }

    @Test func documentsAreBounded() {
        #expect(throws: TraceError.self) {
            try TraceDocument([UInt8](repeating: 0x20, count: TraceDocument.maxBytes + 1))
        }
    }
}

struct FunctionTraceTests {
    private func trace(
        sites: String = "[]", digest: String = String(repeating: "0f", count: 32), kind: String = "Program"
    ) throws
        -> FunctionTrace
    {
        let text = """
            {"version":1,"path":"a.js","digest":"\(digest)","lines":[0,10,25],"sites":\(sites),
            "ast":{"type":"\(kind)","start":0,"body":[]}}
            """
        return try FunctionTrace(Array(text.utf8))
    }

    @Test func positionsCountFromOne() throws {
        let trace = try trace()
        #expect(trace.position(of: 0) == (1, 1))
        #expect(trace.position(of: 12) == (2, 3))
        #expect(trace.position(of: 1000) == (3, 976))
    }

    @Test func sitesHaveCountsTypesAndCallees() throws {
        let trace = try trace(sites: #"[[12,3,["number","string"],[-1,40]]]"#)
        #expect(trace.sites[12]?.count == 3)
        #expect(trace.sites[12]?.types == ["number", "string"])
        #expect(trace.sites[12]?.callees == [-1, 40])
    }

    @Test func aForgedProfileIsRefused() {
        let callees = (0..<17).map(String.init).joined(separator: ",")
        for sites in ["[[1,2,[]]]", "[[-1,2,[],[]]]", "[[1,1e99,[],[]]]", "[[1,2,[],[\(callees)]]]", "[{}]"] {
            #expect(throws: TraceError.self) { try trace(sites: sites) }
        }
        #expect(throws: TraceError.self) { try trace(digest: "0f") }
        #expect(throws: TraceError.self) { try trace(kind: "BlockStatement") }
    }
}
