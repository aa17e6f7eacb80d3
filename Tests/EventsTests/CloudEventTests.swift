import Testing

@testable import Events

@Suite struct CloudEventTests {
    private let headers = [
        (name: "Ce-Specversion", value: "1.0"), (name: "ce-id", value: "1"), (name: "ce-source", value: "/shop"),
        (name: "ce-type", value: "order.placed"), (name: "ce-subject", value: "a%20b%C3%A9"),
        (name: "Content-Type", value: "application/json; charset=utf-8"), (name: "Accept", value: "*/*"),
    ]

    @Test func headersAndBodyAreAnEvent() throws {
        let event = try CloudEvent.binary(headers: headers, body: Array("{\"n\":1.5}".utf8))
        #expect(event?.attributes["type"] == "order.placed" && event?.attributes["subject"] == "a bé")
        let json = String(decoding: try #require(event).structured, as: UTF8.self)
        #expect(json.contains("\"data\":{\"n\":1.5}") && json.contains("\"id\":\"1\""))
        try CloudEvent.checkStructured(Array(json.utf8), isBatch: false)
    }

    @Test func dataWithoutATypeIsJSONWhereItCanBe() throws {
        let plain = headers.filter { $0.name != "Content-Type" }
        let event = try #require(try CloudEvent.binary(headers: plain, body: Array("{\"n\":1.5}".utf8)))
        #expect(String(decoding: event.structured, as: UTF8.self).contains("\"data\":{\"n\":1.5}"))
        let other = try #require(try CloudEvent.binary(headers: plain, body: [0, 1, 255]))
        #expect(String(decoding: other.structured, as: UTF8.self).contains("\"data_base64\":\"AAH/\""))
    }

    @Test func dataThatIsNoJSONIsBase64() throws {
        let event = try #require(try CloudEvent.binary(headers: headers, body: [0, 1, 255]))
        let json = String(decoding: event.structured, as: UTF8.self)
        #expect(json.contains("\"data_base64\":\"AAH/\""))
    }

    @Test func aMessageWithoutAVersionIsNoEvent() throws {
        #expect(try CloudEvent.binary(headers: [(name: "Content-Type", value: "text/plain")]) == nil)
    }

    @Test func whatAnEventLacksIsReported() {
        func error(_ headers: [(name: String, value: String)]) -> String {
            do {
                _ = try CloudEvent.binary(headers: headers)
                return ""
            } catch { return error.description }
        }
        #expect(error(Array(headers.dropFirst()) + [(name: "ce-specversion", value: "0.3")]).contains("is 0.3"))
        #expect(error(headers.filter { $0.name != "ce-id" }).contains("attribute id"))
        #expect(error(headers + [(name: "ce-a_b", value: "1")]).contains("a_b is no name"))
    }

    @Test func structuredEventsAreChecked() throws {
        let event = #"{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"x":[1.5,null,true]}}"#
        try CloudEvent.checkStructured(Array(event.utf8), isBatch: false)
        try CloudEvent.checkStructured(Array("[\(event),\(event)]".utf8), isBatch: true)
        for bad in ["", "{}", "[]x", event.replacing("\"1\"", with: "\"\""), "[\(event)]"] {
            #expect(throws: CloudEvent.Malformed.self) {
                try CloudEvent.checkStructured(Array(bad.utf8), isBatch: false)
            }
        }
    }
}
