import Testing

@testable import Gateway

@Suite struct GatewayOptionsTests {
    @Test func beyondTheLoopbackTokensAreNeeded() throws {
        let options = try GatewayOptions(["--listen", "0.0.0.0:80", "--listen=[::1]:81", "--listen", "82"])
        #expect(options.listen.map(\.isLoopback) == [false, true, true])
        #expect(throws: StartError.self) { try options.check(options.listen[0], hasTokens: false) }
        try options.check(options.listen[0], hasTokens: true)
        try options.check(options.listen[1], hasTokens: false)
    }

    @Test func whatIsNoOptionIsRefusedByName() {
        for arguments in [["--colour", "red"], ["x"], ["--listen"], ["--listen", "a:b"], ["--max-connections", "0"]] {
            #expect(throws: UsageError.self) { try GatewayOptions(arguments) }
        }
    }

    @Test func aTokenIsItsTenantsAlone() throws {
        let tokens = try TokenList("# comment\nshop 0123456789abcdef\n\nbank fedcba9876543210\n", file: "tokens")
        #expect(tokens.grant("Bearer 0123456789abcdef") == .tenant("shop"))
        #expect(tokens.grant("bearer fedcba9876543210") == .tenant("bank"))
        for bad in [nil, "", "Bearer", "Bearer 0123456789abcde", "Bearer 0123456789abcdef0", "Basic 0123456789abcdef"] {
            #expect(tokens.grant(bad) == nil)
        }
        #expect(throws: StartError.self) { try TokenList("shop short", file: "tokens") }
        #expect(throws: StartError.self) { try TokenList("", file: "tokens") }
    }
}
