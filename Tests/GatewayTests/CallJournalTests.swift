import SandboxProtocol
import Testing

@testable import Gateway

@Suite struct CallJournalTests {
    private func call(_ number: Int, _ url: String = "http://s/") -> ExternalCall {
        ExternalCall(number: number, method: "GET", url: "\(url)\(number)", headers: [:], body: nil)
    }

    private func answer(_ status: Int) -> ExternalAnswer { ExternalAnswer(status: status, body: []) }

    private func journal() -> CallJournal {
        var journal = CallJournal()
        journal.note(call(0))
        journal.note(call(1))
        journal.note(answer(201), to: 1)
        journal.note(answer(200), to: 0)
        journal.beginReplay()
        return journal
    }

    @Test func answersComeInTheirOrderAndNoneBeforeItsCall() {
        var journal = journal()
        #expect(journal.take(call(0)) == .replayed && journal.ready().isEmpty)
        #expect(journal.unasked.map(\.number) == [1])
        #expect(journal.take(call(1)) == .replayed)
        #expect(journal.ready().map(\.number) == [1, 0] && journal.ready().isEmpty)
        #expect(journal.take(call(2)) == .make && journal.unasked.isEmpty)
    }

    @Test func aDifferenceEndsReplay() {
        var journal = journal()
        #expect(journal.take(call(0)) == .replayed)
        #expect(journal.take(call(1, "http://t/")) == .differs(expected: call(1)))
        // What was asked as before has its answer; what differs is made by the caller.
        #expect(journal.ready().map(\.number) == [0])
        #expect(journal.take(call(1)) == .make)
    }

    @Test func nothingIsReplayedWithoutAJournal() {
        var journal = CallJournal()
        #expect(journal.isEmpty && journal.take(call(0)) == .make)
        journal.beginReplay()
        #expect(journal.take(call(0)) == .make && journal.ready().isEmpty)
    }
}

@Suite struct OriginTests {
    @Test func originsAreReadAsDefinitionsWriteThem() throws {
        let target = try #require(OriginClient.target(of: "http://Store.example:8080/a/b?c=d#e"))
        #expect("\(target.origin)" == "http://store.example:8080" && target.path == "/a/b?c=d")
        #expect(OriginClient.target(of: "https://s")?.path == "/")
        #expect(OriginClient.target(of: "https://s?q")?.path == "/?q")
    }

    @Test(arguments: ["http://2130706433/", "http://s:99999/", "ftp://s/", "http://a b/", "http://[::1/", "http:///"])
    func whatIsNoOriginIsNone(url: String) { #expect(OriginClient.target(of: url) == nil) }
}
